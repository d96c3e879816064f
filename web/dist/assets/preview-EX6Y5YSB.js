import{a as e}from"./chunk-NCEB4AGH.js";import{m as o,n as r}from"./chunk-DTRORAWC.js";function t(p){return r(e,{title:o("nav.folders"),children:null})}export{t as default};
