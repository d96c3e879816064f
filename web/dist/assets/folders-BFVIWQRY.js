import{a as r}from"./chunk-Y6AHNN5J.js";import{m as o,n as e}from"./chunk-XFC7VPLQ.js";function t(p){return e(r,{title:o("people.sections.folders"),children:null})}export{t as default};
