import{a as e}from"./chunk-CQYTZTYQ.js";import{p as o,r as t}from"./chunk-GXTIAPMY.js";function p(r){return t(e,{title:o("people.sections.projects"),children:null})}export{p as default};
