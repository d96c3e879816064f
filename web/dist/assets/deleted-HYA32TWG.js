import{a as t}from"./chunk-NCEB4AGH.js";import{m as e,n as o}from"./chunk-DTRORAWC.js";function r(p){return o(t,{title:e("nav.folders"),children:null})}export{r as default};
