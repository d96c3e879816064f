import{a as t}from"./chunk-CQYTZTYQ.js";import{p as e,r as o}from"./chunk-GXTIAPMY.js";function p(r){return o(t,{title:e("people.sections.check"),children:null})}export{p as default};
