import{a as e}from"./chunk-FF6HKHUA.js";import{p as o,r as t}from"./chunk-JMX2THKL.js";function p(r){return t(e,{title:o("people.sections.locks"),children:null})}export{p as default};
