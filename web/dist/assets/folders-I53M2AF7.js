import{a as r}from"./chunk-CQYTZTYQ.js";import{p as o,r as e}from"./chunk-GXTIAPMY.js";function t(p){return e(r,{title:o("people.sections.folders"),children:null})}export{t as default};
