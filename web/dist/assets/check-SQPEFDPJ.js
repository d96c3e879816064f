import{a as t}from"./chunk-PJW2UU7C.js";import{p as e,r as o}from"./chunk-JTYN236G.js";function p(r){return o(t,{title:e("people.sections.check"),children:null})}export{p as default};
