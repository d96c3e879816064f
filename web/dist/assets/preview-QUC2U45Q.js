import{a as e}from"./chunk-IFYTCFXQ.js";import{o,q as r}from"./chunk-7AGDLMBU.js";import"./chunk-SQE76S5B.js";function t(p){return r(e,{title:o("nav.folders"),children:null})}export{t as default};
