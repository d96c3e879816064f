import{a as e}from"./chunk-Y6AHNN5J.js";import{m as t,n as o}from"./chunk-XFC7VPLQ.js";function p(i){return o(e,{title:t("people.sections.audit"),children:null})}export{p as default};
