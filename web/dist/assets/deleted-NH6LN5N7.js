import{a as t}from"./chunk-CQYTZTYQ.js";import{p as e,r as o}from"./chunk-GXTIAPMY.js";function r(p){return o(t,{title:e("nav.folders"),children:null})}export{r as default};
