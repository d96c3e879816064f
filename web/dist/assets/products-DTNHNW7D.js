import{a as p}from"./chunk-FF6HKHUA.js";import{p as o,r as t}from"./chunk-JMX2THKL.js";function r(e){return t(p,{title:o("people.sections.products"),children:null})}export{r as default};
