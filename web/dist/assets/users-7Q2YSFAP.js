import{a as r}from"./chunk-6USQLFVT.js";import{n as e,p as o}from"./chunk-XWIPZ5FQ.js";function t(p){return o(r,{title:e("people.sections.users"),children:null})}export{t as default};
