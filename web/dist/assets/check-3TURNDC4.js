import{a as t}from"./chunk-FF6HKHUA.js";import{p as e,r as o}from"./chunk-JMX2THKL.js";function p(r){return o(t,{title:e("people.sections.check"),children:null})}export{p as default};
