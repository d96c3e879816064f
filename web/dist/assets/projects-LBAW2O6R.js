import{a as e}from"./chunk-PJW2UU7C.js";import{p as o,r as t}from"./chunk-JTYN236G.js";function p(r){return t(e,{title:o("people.sections.projects"),children:null})}export{p as default};
