import{a as t}from"./chunk-NCEB4AGH.js";import{m as o,n as r}from"./chunk-DTRORAWC.js";function e(p){return r(t,{title:o("nav.folders"),children:null})}export{e as default};
