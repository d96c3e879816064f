import{a as t}from"./chunk-Y6AHNN5J.js";import{m as o,n as r}from"./chunk-XFC7VPLQ.js";function e(p){return r(t,{title:o("nav.folders"),children:null})}export{e as default};
