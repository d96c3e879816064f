import{a as r}from"./chunk-FF6HKHUA.js";import{p as o,r as t}from"./chunk-JMX2THKL.js";function e(p){return t(r,{title:o("nav.folders"),children:null})}export{e as default};
