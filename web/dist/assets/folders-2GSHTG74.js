import{a as r}from"./chunk-FF6HKHUA.js";import{p as o,r as e}from"./chunk-JMX2THKL.js";function t(p){return e(r,{title:o("people.sections.folders"),children:null})}export{t as default};
