import{a as r}from"./chunk-NCEB4AGH.js";import{m as o,n as t}from"./chunk-DTRORAWC.js";function e(i){return t(r,{title:o("nav.folders"),children:null})}export{e as default};
