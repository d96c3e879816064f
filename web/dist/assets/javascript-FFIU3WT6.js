import{a,b,c,d}from"./chunk-KP5VFDTE.js";import"./chunk-SQE76S5B.js";export{a as javascript,b as json,c as jsonld,d as typescript};
