import{a as r}from"./chunk-Z2MS6DCO.js";import{p as o,r as e}from"./chunk-GLC7FKAU.js";function t(p){return e(r,{title:o("people.sections.folders"),children:null})}export{t as default};
