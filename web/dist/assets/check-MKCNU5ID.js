import{a as t}from"./chunk-Y6AHNN5J.js";import{m as e,n as o}from"./chunk-XFC7VPLQ.js";function p(r){return o(t,{title:e("people.sections.check"),children:null})}export{p as default};
