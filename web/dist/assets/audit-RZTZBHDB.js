import{a as e}from"./chunk-Z2MS6DCO.js";import{p as t,r as o}from"./chunk-GLC7FKAU.js";function p(i){return o(e,{title:t("people.sections.audit"),children:null})}export{p as default};
