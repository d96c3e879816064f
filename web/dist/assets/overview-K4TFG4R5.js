import{a as r}from"./chunk-Z2MS6DCO.js";import{p as e,r as o}from"./chunk-GLC7FKAU.js";function t(p){return o(r,{title:e("people.sections.overview"),children:null})}export{t as default};
