import{a as e}from"./chunk-PJW2UU7C.js";import{p as o,r}from"./chunk-JTYN236G.js";function t(p){return r(e,{title:o("nav.folders"),children:null})}export{t as default};
