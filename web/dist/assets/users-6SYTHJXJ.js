import{a as r}from"./chunk-Y6AHNN5J.js";import{m as e,n as o}from"./chunk-XFC7VPLQ.js";function t(p){return o(r,{title:e("people.sections.users"),children:null})}export{t as default};
