import{a as t}from"./chunk-PJW2UU7C.js";import{p as o,r}from"./chunk-JTYN236G.js";function e(p){return r(t,{title:o("nav.folders"),children:null})}export{e as default};
