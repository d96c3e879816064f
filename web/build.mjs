// Makes dist/ from src/: scripts and styles whose names carry a hash of what is in them, the one HTML page
// that names them, and the licences of the packages that went in. The same sources and the same
// package-lock.json give the same bytes.
import { build } from "esbuild";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
process.chdir(here);
const out = "dist";

await rm(out, { recursive: true, force: true });
const made = await build({
  entryPoints: { main: "src/main.tsx", style: "src/styles/main.css" },
  bundle: true,
  splitting: true,
  format: "esm",
  target: "es2023",
  minify: true,
  jsx: "automatic",
  jsxImportSource: "preact",
  outdir: `${out}/assets`,
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  loader: { ".svg": "file", ".woff2": "file" },
  legalComments: "none", // the licences are in licences.txt, whole
  metafile: true,
  logLevel: "warning",
});

const outputs = Object.entries(made.metafile.outputs);
const built = (entry) => {
  const found = outputs.find(([, o]) => o.entryPoint === entry);
  if (!found) throw new Error(`nothing was built from ${entry}`);
  return path.relative(out, found[0]);
};
const page = (await readFile("src/index.html", "utf8"))
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
    const file = (await readdir(dir)).sort().find((f) => /^(licen[cs]e|copying)/i.test(f));
    text += `\n${"=".repeat(72)}\n${name} ${version} (${license})\n${"=".repeat(72)}\n`;
    text += file ? (await readFile(`${dir}/${file}`, "utf8")).replaceAll("\r\n", "\n").trimEnd() + "\n" : "The package has no file with the text of its licence.\n";
  }
  return text;
}
