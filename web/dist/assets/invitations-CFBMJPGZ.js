import{a as r}from"./chunk-PJW2UU7C.js";import{p as o,r as t}from"./chunk-JTYN236G.js";function e(i){return t(r,{title:o("nav.folders"),children:null})}export{e as default};
