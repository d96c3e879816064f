import{a as p}from"./chunk-Y6AHNN5J.js";import{m as o,n as t}from"./chunk-XFC7VPLQ.js";function r(e){return t(p,{title:o("people.sections.products"),children:null})}export{r as default};
