import{a as e}from"./chunk-6USQLFVT.js";import{n as o,p as r}from"./chunk-XWIPZ5FQ.js";function t(p){return r(e,{title:o("nav.folders"),children:null})}export{t as default};
