import{a as r}from"./chunk-Z2MS6DCO.js";import{p as o,r as t}from"./chunk-GLC7FKAU.js";function e(p){return t(r,{title:o("nav.folders"),children:null})}export{e as default};
