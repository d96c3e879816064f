import{a as t}from"./chunk-CQYTZTYQ.js";import{p as o,r}from"./chunk-GXTIAPMY.js";function e(p){return r(t,{title:o("nav.folders"),children:null})}export{e as default};
