import{a as p}from"./chunk-CQYTZTYQ.js";import{p as o,r as t}from"./chunk-GXTIAPMY.js";function r(e){return t(p,{title:o("people.sections.products"),children:null})}export{r as default};
