import{a as t}from"./chunk-6USQLFVT.js";import{n as e,p as o}from"./chunk-XWIPZ5FQ.js";function r(p){return o(t,{title:e("nav.folders"),children:null})}export{r as default};
