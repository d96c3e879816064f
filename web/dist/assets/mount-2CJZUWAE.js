import{a as r}from"./chunk-CQYTZTYQ.js";import{p as o,r as t}from"./chunk-GXTIAPMY.js";function e(p){return t(r,{title:o("nav.folders"),children:null})}export{e as default};
