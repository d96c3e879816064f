import{a as r}from"./chunk-PJW2UU7C.js";import{p as o,r as e}from"./chunk-JTYN236G.js";function t(p){return e(r,{title:o("people.sections.folders"),children:null})}export{t as default};
