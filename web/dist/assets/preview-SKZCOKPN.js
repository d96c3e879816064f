import{a as e}from"./chunk-Y6AHNN5J.js";import{m as o,n as r}from"./chunk-XFC7VPLQ.js";function t(p){return r(e,{title:o("nav.folders"),children:null})}export{t as default};
