import{a as t}from"./chunk-PJW2UU7C.js";import{p as e,r as o}from"./chunk-JTYN236G.js";function r(p){return o(t,{title:e("nav.folders"),children:null})}export{r as default};
