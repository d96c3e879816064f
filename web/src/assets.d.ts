// Addresses that build.mjs puts in.

/** The script of pdf.js's worker. */
declare const PDF_WORKER: string;
/** The directory with pdf.js's fonts, character maps and decoders, with / at its end. */
declare const PDF_DATA: string;
