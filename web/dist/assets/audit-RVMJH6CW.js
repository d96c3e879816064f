import{a as e}from"./chunk-FF6HKHUA.js";import{p as t,r as o}from"./chunk-JMX2THKL.js";function p(i){return o(e,{title:t("people.sections.audit"),children:null})}export{p as default};
