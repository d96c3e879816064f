import{a as e}from"./chunk-CQYTZTYQ.js";import{p as o,r}from"./chunk-GXTIAPMY.js";function t(p){return r(e,{title:o("nav.folders"),children:null})}export{t as default};
