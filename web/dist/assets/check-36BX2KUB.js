import{a as t}from"./chunk-Z2MS6DCO.js";import{p as e,r as o}from"./chunk-GLC7FKAU.js";function p(r){return o(t,{title:e("people.sections.check"),children:null})}export{p as default};
