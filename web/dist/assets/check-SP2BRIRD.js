import{a as t}from"./chunk-6USQLFVT.js";import{n as e,p as o}from"./chunk-XWIPZ5FQ.js";function p(r){return o(t,{title:e("people.sections.check"),children:null})}export{p as default};
