import{a as r}from"./chunk-Y6AHNN5J.js";import{m as o,n as t}from"./chunk-XFC7VPLQ.js";function e(p){return t(r,{title:o("nav.folders"),children:null})}export{e as default};
