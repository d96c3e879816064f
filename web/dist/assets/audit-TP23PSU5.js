import{a as e}from"./chunk-CQYTZTYQ.js";import{p as t,r as o}from"./chunk-GXTIAPMY.js";function p(i){return o(e,{title:t("people.sections.audit"),children:null})}export{p as default};
