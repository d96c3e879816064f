import{a as e}from"./chunk-Z2MS6DCO.js";import{p as o,r}from"./chunk-GLC7FKAU.js";function t(p){return r(e,{title:o("nav.folders"),children:null})}export{t as default};
