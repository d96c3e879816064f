import{a as t}from"./chunk-Y6AHNN5J.js";import{m as e,n as o}from"./chunk-XFC7VPLQ.js";function r(p){return o(t,{title:e("nav.folders"),children:null})}export{r as default};
