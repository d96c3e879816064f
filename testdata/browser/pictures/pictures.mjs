// The pictures of README.md, made again from the program as it is:
//
//   go build && node testdata/browser/pictures/pictures.mjs ./davit
//
// It serves a data directory of its own, fills it by the APIs, and writes web/pictures/*.png.
import { spawn, execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { deflateSync } from "node:zlib";
import { chromium } from "../../clients/npm/node_modules/playwright-core/index.mjs";

const program = path.resolve(process.argv[2] ?? "davit");
const into = fileURLToPath(new URL("../../../web/pictures/", import.meta.url));
const port = 18990;
const origin = `http://127.0.0.1:${port}`;
const data = await mkdtemp(path.join(tmpdir(), "davit-pictures-"));
const people = { admin: "a password of four words", lena: "the password of lena", tom: "the password of tom", ida: "the password of ida" };

async function api(who, method, at, body, headers = {}) {
  const plain = body instanceof Uint8Array || body === undefined;
  const res = await fetch(origin + at, {
    method, body: plain ? body : JSON.stringify(body),
    headers: { Authorization: "Basic " + Buffer.from(`${who}:${people[who]}`).toString("base64"), ...(!plain && { "Content-Type": "application/json" }), ...headers },
  });
  const text = await res.text();
  if (!res.ok) throw new Error(`${method} ${at}: ${res.status} ${text}`);
  return text.startsWith("{") ? JSON.parse(text) : text;
}

async function folder(who, title, labels = {}, project) {
  const product = { id: "standard", category: "standard" };
  const made = await api(who, "POST", "/api/files/collections", { items: [{ title, product: { ...product, provider: "davit" } }] }, project ? { Project: project } : {});
  const id = made.responses[0].id;
  if (Object.keys(labels).length > 0) {
    await api(who, "POST", "/api/files/collections/updateLabels", { items: [{ id, labels }] });
  }
  return id;
}

const put = (who, id, name, bytes) => api(who, "PUT", `/dav/${id}/${name}`, typeof bytes === "number" ? Buffer.alloc(bytes, 7) : Buffer.from(bytes));
const make = (who, id, name) => api(who, "MKCOL", `/dav/${id}/${name}`);
const share = (who, id, name, permission) => api(who, "POST", "/api/files/collections/updateAcl", {
  items: [{ id, added: [{ entity: { type: "user", username: name }, permissions: permission === "EDIT" ? ["READ", "EDIT"] : ["READ"] }], deleted: [] }],
});

async function fill() {
  for (const name of ["lena", "tom", "ida"]) {
    await api("admin", "POST", "/api/davit/users", { name, email: `${name}@uni.example`, password: people[name] });
  }
  await api("admin", "PATCH", "/api/davit/users/ida", { admin: true });
  const MiB = 1 << 20;
  const beam = await folder("lena", "Beamtime 2026", { instrument: "P03", state: "running" });
  for (const name of ["calibration", "run-06", "run-07", "analysis"]) await make("lena", beam, name);
  await put("lena", beam, "README.md", "# Beamtime 2026\n");
  await put("lena", beam, "samples.csv", "sample,thickness\nA1,0.2\n".repeat(90));
  await put("lena", beam, "detector.yaml", "distance: 1.2\n");
  await put("lena", beam, "fit.ipynb", 48211);
  await put("lena", beam, "proposal.pdf", 1830211);
  await put("lena", beam, "setup.jpg", 2750313);
  await put("lena", beam, "run-06/frames.h5", 310 * MiB);
  await put("lena", beam, "run-07/frames.h5", 280 * MiB);
  const thesis = await folder("lena", "Thesis", { state: "draft" });
  for (let i = 1; i <= 12; i++) await put("lena", thesis, `chapter-${i}.tex`, 60_000 + 4000 * i);
  await put("lena", thesis, "figures.zip", 190 * MiB);
  const archive = await folder("lena", "Measurements 2025", { instrument: "P03" });
  await put("lena", archive, "all.tar", 940 * MiB);
  const models = await folder("tom", "Model checkpoints", { gpu: "a100" });
  await put("tom", models, "epoch-40.pt", 520 * MiB);
  await share("tom", models, "lena", "READ");
  const paper = await folder("ida", "Paper on phase contrast");
  await put("ida", paper, "draft.odt", 700_000);
  await share("ida", paper, "lena", "EDIT");
  return beam;
}

const crcs = Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n >>> 0;
});
function chunk(type, body) {
  const all = Buffer.concat([Buffer.from(type, "latin1"), body]);
  let crc = 0xffffffff;
  for (const b of all) crc = crcs[(crc ^ b) & 255] ^ (crc >>> 8);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(body.length);
  frame.writeUInt32BE((crc ^ 0xffffffff) >>> 0, 4);
  return Buffer.concat([frame.subarray(0, 4), all, frame.subarray(4)]);
}

// A PNG of the 255 commonest colours; a pixel of another colour gets the nearest of them.
function palette(rgba, width, height) {
  const count = new Map();
  for (let i = 0; i < rgba.length; i += 4) {
    const c = (rgba[i] << 16) | (rgba[i + 1] << 8) | rgba[i + 2];
    count.set(c, (count.get(c) ?? 0) + 1);
  }
  const kept = [...count].sort((a, b) => b[1] - a[1]).slice(0, 255).map(([c]) => c);
  const index = new Map(kept.map((c, i) => [c, i]));
  const far = (a, b) => ((a >> 16) - (b >> 16)) ** 2 + (((a >> 8) & 255) - ((b >> 8) & 255)) ** 2 + ((a & 255) - (b & 255)) ** 2;
  for (const c of count.keys()) {
    if (!index.has(c)) index.set(c, kept.reduce((best, k, i) => (far(c, k) < far(c, kept[best]) ? i : best), 0));
  }
  const lines = Buffer.alloc((width + 1) * height);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i += 4) {
      lines[y * (width + 1) + 1 + x] = index.get((rgba[i] << 16) | (rgba[i + 1] << 8) | rgba[i + 2]);
    }
  }
  const head = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 3, 0, 0, 0]);
  head.writeUInt32BE(width);
  head.writeUInt32BE(height, 4);
  const colours = Buffer.from(kept.flatMap((c) => [c >> 16, (c >> 8) & 255, c & 255]));
  return Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), chunk("IHDR", head), chunk("PLTE", colours), chunk("IDAT", deflateSync(lines, { level: 9 })), chunk("IEND", Buffer.alloc(0)),
  ]);
}

async function picture(browser, page, name) {
  await page.mouse.move(640, 795);
  const png = await page.screenshot();
  const blank = await browser.newPage(); // it decodes the picture
  const pixels = await blank.evaluate(async (base64) => {
    const image = await createImageBitmap(await (await fetch(`data:image/png;base64,${base64}`)).blob());
    const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
    canvas.drawImage(image, 0, 0);
    const bytes = canvas.getImageData(0, 0, image.width, image.height).data;
    let text = "";
    for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
    return { width: image.width, height: image.height, text: btoa(text) };
  }, png.toString("base64"));
  await blank.close();
  await writeFile(path.join(into, name), palette(Buffer.from(pixels.text, "base64"), pixels.width, pixels.height));
}

async function signIn(browser, name) {
  const context = await browser.newContext({ baseURL: origin, viewport: { width: 1280, height: 800 }, colorScheme: "light", reducedMotion: "reduce", locale: "en-GB", timezoneId: "UTC" });
  const res = await context.request.post("/auth/login", { form: { username: name, password: people[name] }, headers: { Accept: "application/json" } });
  if (!res.ok()) throw new Error(`sign in as ${name}: ${res.status()}`);
  return context.newPage();
}

await mkdir(into, { recursive: true });
execFileSync(program, ["user", "add", "admin", "--admin", "--password-stdin", "--data", data], { input: people.admin });
let serving;
async function serve() {
  serving = spawn(program, ["serve", "--data", data, "--listen", `127.0.0.1:${port}`], { stdio: "ignore" });
  for (let i = 0; !(await fetch(origin).then((r) => r.ok, () => false)); i++) {
    if (i === 100) throw new Error("the server does not answer");
    await new Promise((done) => setTimeout(done, 100));
  }
}
async function stop() {
  serving.kill();
  await new Promise((done) => (serving.exitCode === null ? serving.once("exit", done) : done()));
}
let browser;
try {
  await serve();
  const beam = await fill();
  await stop(); // it forgets who filled them, so that nobody uses the folders now
  await serve();
  browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--headless", "--no-sandbox", "--disable-gpu"] });

  const page = await signIn(browser, "lena");
  await page.goto("/");
  await page.getByText("Model checkpoints").waitFor();
  await picture(browser, page, "folders.png");

  await page.goto(`/#/files/${beam}`);
  await page.getByRole("row", { name: /proposal\.pdf/ }).waitFor();
  // A slow line, so that the upload is seen.
  const devTools = await page.context().newCDPSession(page);
  await devTools.send("Network.emulateNetworkConditions", { offline: false, latency: 20, downloadThroughput: -1, uploadThroughput: 6 << 20 });
  const chooser = page.waitForEvent("filechooser");
  await page.getByRole("group", { name: "Actions" }).getByRole("button", { name: "Upload" }).click();
  await page.getByRole("menuitem", { name: "Upload files" }).click();
  const files = ["frames-1.h5", "frames-2.h5", "log.txt"].map((name) => path.join(data, name));
  for (const f of files) await writeFile(f, Buffer.alloc(f.endsWith(".txt") ? 9000 : 90 << 20, 1));
  await (await chooser).setFiles(files);
  await page.getByText("1 uploaded", { exact: true }).waitFor();
  await page.getByText(/left$/).first().waitFor();
  await picture(browser, page, "files.png");

  const theirs = await signIn(browser, "admin");
  await theirs.goto("/#/admin");
  await theirs.getByText("Requests by door").waitFor();
  for (let i = 0; i < 40; i++) { // some traffic for the charts
    await api("lena", "PROPFIND", `/dav/${beam}/`, undefined, { Depth: "1" });
    if (i % 4 === 0) await put("tom", (await api("tom", "GET", "/api/files/collections/browse?itemsPerPage=10")).items[0].id, "loss.csv", 400_000 * (1 + (i % 5)));
    await new Promise((done) => setTimeout(done, 500));
  }
  await theirs.mouse.wheel(0, 230);
  await picture(browser, theirs, "administration.png");
} finally {
  await browser?.close();
  await stop();
  await rm(data, { recursive: true, force: true });
}
