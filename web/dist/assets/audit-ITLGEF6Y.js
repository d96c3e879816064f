import{a as e}from"./chunk-PJW2UU7C.js";import{p as t,r as o}from"./chunk-JTYN236G.js";function p(i){return o(e,{title:t("people.sections.audit"),children:null})}export{p as default};
