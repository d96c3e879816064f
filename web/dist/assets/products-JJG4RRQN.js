import{a as p}from"./chunk-PJW2UU7C.js";import{p as o,r as t}from"./chunk-JTYN236G.js";function r(e){return t(p,{title:o("people.sections.products"),children:null})}export{r as default};
