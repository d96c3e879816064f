import{a as e}from"./chunk-6USQLFVT.js";import{n as o,p as t}from"./chunk-XWIPZ5FQ.js";function p(r){return t(e,{title:o("people.sections.mounts"),children:null})}export{p as default};
