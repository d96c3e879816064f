import{a as e}from"./chunk-6USQLFVT.js";import{n as t,p as o}from"./chunk-XWIPZ5FQ.js";function p(i){return o(e,{title:t("people.sections.audit"),children:null})}export{p as default};
