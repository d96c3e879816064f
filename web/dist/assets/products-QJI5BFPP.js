import{a as p}from"./chunk-Z2MS6DCO.js";import{p as o,r as t}from"./chunk-GLC7FKAU.js";function r(e){return t(p,{title:o("people.sections.products"),children:null})}export{r as default};
