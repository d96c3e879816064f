import{a as r}from"./chunk-FF6HKHUA.js";import{p as e,r as o}from"./chunk-JMX2THKL.js";function t(p){return o(r,{title:e("people.sections.overview"),children:null})}export{t as default};
