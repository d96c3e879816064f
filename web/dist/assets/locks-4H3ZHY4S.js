import{a as e}from"./chunk-Y6AHNN5J.js";import{m as o,n as t}from"./chunk-XFC7VPLQ.js";function p(r){return t(e,{title:o("people.sections.locks"),children:null})}export{p as default};
