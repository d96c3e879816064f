import{a as e}from"./chunk-Z2MS6DCO.js";import{p as o,r as t}from"./chunk-GLC7FKAU.js";function p(r){return t(e,{title:o("people.sections.mounts"),children:null})}export{p as default};
