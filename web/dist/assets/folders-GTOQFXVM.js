import{a as r}from"./chunk-6USQLFVT.js";import{n as o,p as e}from"./chunk-XWIPZ5FQ.js";function t(p){return e(r,{title:o("people.sections.folders"),children:null})}export{t as default};
