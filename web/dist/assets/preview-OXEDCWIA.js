import{a as e}from"./chunk-FF6HKHUA.js";import{p as o,r}from"./chunk-JMX2THKL.js";function t(p){return r(e,{title:o("nav.folders"),children:null})}export{t as default};
