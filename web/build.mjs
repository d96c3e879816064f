// Makes dist/ from src/: scripts and styles whose names carry a hash of what is in them, the one HTML page
// that names them, and the licences of the packages that went in. The same sources and the same
// package-lock.json give the same bytes.
import { build } from "esbuild";
import { cp, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
process.chdir(here);
const out = "dist";

await rm(out, { recursive: true, force: true });
const common = {
  bundle: true,
  format: "esm",
  target: "es2023",
  minify: true,
  outdir: `${out}/assets`,
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  legalComments: "none", // the licences are in licences.txt, whole
  metafile: true,
  logLevel: "warning",
};

// What pdf.js's worker asks for by name stands in a directory whose name has its version.
const pdf = "node_modules/pdfjs-dist";
const pdfData = `assets/pdf-${JSON.parse(await readFile(`${pdf}/package.json`, "utf8")).version}/`;
for (const part of ["cmaps", "standard_fonts", "wasm/openjpeg_nowasm_fallback.js"]) {
  const file = part.endsWith(".js");
  await cp(`${pdf}/${part}`, `${out}/${pdfData}${file ? path.basename(part) : ""}`, { recursive: true, filter: (f) => !/LICENSE/.test(f) });
}

// The worker is built by itself: nothing of it is shared with the page.
const worker = await build({ ...common, entryPoints: { pdfworker: `${pdf}/legacy/build/pdf.worker.mjs` } });

const made = await build({
  ...common,
  entryPoints: { main: "src/main.tsx", style: "src/styles/main.css" },
  splitting: true,
  jsx: "automatic",
  jsxImportSource: "preact",
  define: { PDF_WORKER: JSON.stringify("/" + path.relative(out, Object.keys(worker.metafile.outputs)[0])), PDF_DATA: JSON.stringify("/" + pdfData) },
  loader: { ".svg": "file", ".woff2": "file" },
});

const outputs = Object.entries(made.metafile.outputs);
const built = (entry) => {
  const found = outputs.find(([, o]) => o.entryPoint === entry);
  if (!found) throw new Error(`nothing was built from ${entry}`);
  return path.relative(out, found[0]);
};
// What the script imports at once is named too, so that browsers need not read it first.
const script = made.metafile.outputs[`${out}/${built("src/main.tsx")}`];
const preloads = script.imports.filter((i) => i.kind === "import-statement").map((i) => `<link rel="modulepreload" href="/${path.relative(out, i.path)}">`);
const page = (await readFile("src/index.html", "utf8"))
  .replace("PRELOADS", preloads.join("\n"))
  .replace("SCRIPT", `/${built("src/main.tsx")}`)
  .replace("STYLE", `/${built("src/styles/main.css")}`);
await writeFile(`${out}/index.html`, page);
await writeFile(`${out}/assets/licences.txt`, await licences(Object.keys(made.metafile.inputs)));

// licences are the notices of all packages that have a file among inputs.
async function licences(inputs) {
  const packages = new Set();
  for (const input of inputs) {
    const found = /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (found) packages.add(found[1]);
  }
  let text = "The page of Davit contains these packages.\n";
  for (const name of [...packages].sort()) {
    const dir = `node_modules/${name}`;
    const { version, license } = JSON.parse(await readFile(`${dir}/package.json`, "utf8"));
    const parts = name === "pdfjs-dist" ? ["cmaps", "standard_fonts", "wasm"] : []; // these have licences of their own
    const files = (await Promise.all([".", ...parts].map(async (part) => (await readdir(`${dir}/${part}`)).sort().map((f) => path.join(part, f))))).flat();
    const found = files.filter((f) => /^(licen[cs]e|copying)/i.test(path.basename(f)));
    text += `\n${"=".repeat(72)}\n${name} ${version} (${license})\n${"=".repeat(72)}\n`;
    for (const file of found) {
      text += (found.length > 1 ? `\n${file}:\n\n` : "") + (await readFile(`${dir}/${file}`, "utf8")).replaceAll("\r\n", "\n").trimEnd() + "\n";
    }
    if (found.length === 0) text += "The package has no file with the text of its licence.\n";
  }
  return text;
}
