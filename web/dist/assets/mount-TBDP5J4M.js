import{a as r}from"./chunk-6USQLFVT.js";import{n as o,p as t}from"./chunk-XWIPZ5FQ.js";function e(p){return t(r,{title:o("nav.folders"),children:null})}export{e as default};
