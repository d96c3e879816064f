import{a as r}from"./chunk-PJW2UU7C.js";import{p as e,r as o}from"./chunk-JTYN236G.js";function t(p){return o(r,{title:e("people.sections.users"),children:null})}export{t as default};
