import{a as p}from"./chunk-6USQLFVT.js";import{n as o,p as t}from"./chunk-XWIPZ5FQ.js";function r(e){return t(p,{title:o("people.sections.products"),children:null})}export{r as default};
