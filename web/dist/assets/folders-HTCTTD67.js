import{a as t}from"./chunk-6USQLFVT.js";import{n as o,p as r}from"./chunk-XWIPZ5FQ.js";function e(p){return r(t,{title:o("nav.folders"),children:null})}export{e as default};
