import{a as r}from"./chunk-CQYTZTYQ.js";import{p as e,r as o}from"./chunk-GXTIAPMY.js";function t(p){return o(r,{title:e("people.sections.overview"),children:null})}export{t as default};
