// The harness of the tests in a browser. A file beside this one is an area of the page: it imports what it
// needs from here and awaits scenarios, one after the other:
//
//   import { scenario, user, signIn, checkAxe } from "./harness.mjs";
//
//   await scenario("makes a folder", async ({ context }) => {
//     const ann = await user("ann");
//     const page = await signIn(context, ann.name, ann.password);
//     …
//     await checkAxe(page);
//   });
//
// TestBrowser in web/browser_test.go finds the files, gives each a server of its own and turns scenarios
// into subtests: "go test ./web -run TestBrowser/files" runs one area, "-run TestBrowser/files/makes" those
// of its scenarios whose names match. A comment "// serve: --flag value" in the first lines of a file adds to
// the server's arguments.
//
// A scenario also fails for what nobody asked about: a request to another origin, an error in the console (what
// the page's policy forbids is one), a script that throws, an answer from 500 on, a missing script or style, a
// dialog of the browser's. A scenario that provokes one of them says so before, with expect.
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import axe from "../clients/npm/node_modules/axe-core/axe.js";
import { chromium } from "../clients/npm/node_modules/playwright-core/index.mjs";

const needed = (name) => {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: the scenarios are run by "go test ./web -run TestBrowser"`);
  return value;
};

/** The server: its origin, its data directory, and who administers it. */
export const server = needed("DAVIT_TEST_URL");
export const dataDir = needed("DAVIT_TEST_DATA");
export const admin = { name: "admin", password: needed("DAVIT_TEST_ADMIN_PASSWORD"), folders: {} };
const control = needed("DAVIT_TEST_CONTROL");
const scratch = needed("DAVIT_TEST_SCRATCH"); // gone after the test
const wanted = new RegExp(process.env.DAVIT_TEST_SCENARIO ?? "");
const shots = process.env.DAVIT_TEST_SHOTS ?? "";
/** The name of the area. */
export const area = path.basename(process.argv[2], ".mjs");

// tell gives a line to the Go test.
const tell = (line) => process.stdout.write(JSON.stringify(line) + "\n");

let browser;
let ran = 0;
let running = null; // the scenario

const open = () =>
  chromium.launch({
    executablePath: needed("DAVIT_TEST_BROWSER"),
    args: [
      "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync",
      "--disable-features=InitialWebUI,WebUIToolbar,WebUIReloadButton,PreloadTopChromeWebUI", // nobody sees the window's own buttons
    ],
    handleSIGTERM: true,
  });

/**
 * Runs one scenario, with a browser context and a page of its own. fn is called with
 *   context    a fresh context (cookies, storage, cache), which is closed in the end
 *   page       its first page, still empty
 *   newContext(options) for one more: another person, another device
 *   expect(pattern) says that a fault whose text matches is none in this scenario
 *   faults     what has gone wrong beside, so far: texts
 *   requests   all that was asked of the server: {method, path, type, page}
 */
export async function scenario(name, fn, { timeout = 180_000 } = {}) {
  if (!wanted.test(name.replaceAll(" ", "_"))) return;
  ran++;
  tell({ begin: name });
  browser ??= await open();
  const s = { name, contexts: [], faults: [], console: [], requests: [], expected: [] };
  running = s;
  const began = Date.now();
  let failure;
  let timer;
  try {
    const context = await watched(s, {});
    const page = await context.newPage();
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`the scenario takes longer than ${timeout / 1000} s`)), timeout);
    });
    await Promise.race([
      fn({
        context, page, newContext: (options = {}) => watched(s, options), faults: s.faults, requests: s.requests,
        expect: (pattern) => s.expected.push(pattern),
      }),
      late,
    ]);
    // What a page reports arrives with its own next turn.
    for (const c of s.contexts) for (const p of c.pages()) await p.evaluate(() => 0).catch(() => {});
    const faults = s.faults.filter((f) => !s.expected.some((e) => e.test(f)));
    if (faults.length > 0) throw new Error("faults beside what the scenario looks at:\n" + faults.join("\n"));
  } catch (e) {
    failure = `${e?.stack ?? e}`.replace(/\u001b\[[0-9;]*m/g, ""); // without colours
    if (s.console.length > 0) failure += "\nthe console:\n" + s.console.slice(-40).join("\n");
    failure += await pictures(s);
  }
  clearTimeout(timer);
  running = null;
  for (const c of s.contexts) await c.close().catch(() => {});
  tell({ name, ok: failure === undefined, error: failure, ms: Date.now() - began });
}

// watched is a new context whose pages are looked after.
async function watched(s, options) {
  const context = await browser.newContext({
    baseURL: server, viewport: { width: 1280, height: 800 }, reducedMotion: "reduce", locale: "en-GB", timezoneId: "UTC", acceptDownloads: true, ...options,
  });
  context.setDefaultTimeout(30_000);
  s.contexts.push(context);
  const fault = (text) => s.faults.push(text);
  context.on("request", (r) => {
    const url = new URL(r.url());
    if (url.origin === server) {
      s.requests.push({ method: r.method(), path: url.pathname + url.search, type: r.resourceType(), page: pageOf(r) });
    } else if (!["blob:", "data:", "about:"].includes(url.protocol)) {
      fault(`request to outside: ${r.method()} ${r.url()}`);
    }
  });
  context.on("response", (r) => {
    const status = r.status();
    const type = r.request().resourceType();
    if (status >= 500 || (status >= 400 && !["fetch", "xhr"].includes(type))) {
      fault(`answer ${status}: ${r.request().method()} ${r.url()} (${type})`);
    }
  });
  context.on("requestfailed", (r) => {
    const why = r.failure()?.errorText ?? "";
    if (why !== "net::ERR_ABORTED") fault(`no answer: ${r.method()} ${r.url()}: ${why}`); // aborted: by the page, or by going on
  });
  context.on("console", (m) => {
    s.console.push(`${m.type()}: ${m.text()} (${m.location().url}:${m.location().lineNumber})`);
    // Of refused requests the console says less than the answer.
    if (m.type() === "error" && !/^Failed to load resource:/.test(m.text())) fault(`console: ${m.text()}`);
  });
  context.on("weberror", (e) => fault(`script: ${e.error().stack ?? e.error()}`));
  context.on("page", (page) => {
    page.on("crash", () => fault("the page crashed"));
    page.on("dialog", async (d) => {
      if (page.listenerCount("dialog") > 1) return; // the scenario looks after it
      if (d.type() !== "beforeunload") fault(`dialog: ${d.type()} ${d.message()}`);
      await d.accept().catch(() => {});
    });
  });
  return context;
}

// pageOf is the page that sent a request, or null for a service worker.
function pageOf(r) {
  try {
    return r.frame().page();
  } catch {
    return null;
  }
}

// pictures saves what the pages of a failed scenario show, and says where.
async function pictures(s) {
  const dir = process.env.DAVIT_TEST_FAILURES;
  let text = "";
  for (const p of s.contexts.flatMap((c) => c.pages())) {
    if (!dir || p.isClosed()) continue;
    const file = path.join(dir, `${area}-${s.name.replace(/[^a-z0-9]+/gi, "-").slice(0, 80)}${text === "" ? "" : "-" + text.length}.png`);
    try {
      await mkdir(dir, { recursive: true });
      await p.screenshot({ path: file, fullPage: true, timeout: 30_000 });
      text += `\nthe page ${p.url()}: ${file}`;
    } catch (e) {
      text += `\nno picture of ${p.url()}: ${e.message.split("\n")[0]}`;
    }
  }
  return text;
}

// died ends the script before its end.
async function died(e) {
  tell({ died: `${e?.stack ?? e}` });
  await browser?.close();
  process.exit(1);
}

// What a scenario forgets to await.
process.on("unhandledRejection", (e) => {
  if (!running) void died(e);
  else running.faults.push(`not awaited: ${e?.stack ?? e}`);
});

// When the test goes, its end of the pipe does, and then all of this.
process.stdin.on("end", () => process.exit(1)).resume().unref();

// "node harness.mjs AREA.mjs" runs the scenarios of a file. It is not awaited: the file waits for this one.
import(pathToFileURL(path.resolve(process.argv[2])).href).then(async () => {
  await browser?.close();
  tell({ end: ran });
  process.exit(0);
}, died);

/**
 * Sends a request as user, by Basic, or as nobody for null. body is sent as JSON, unless it is a string or bytes.
 * The answer: {status, headers, text, body}, where body is the JSON or undefined. Any status is an answer.
 */
export async function api(user, method, path, body, headers = {}) {
  const plain = body === undefined || typeof body === "string" || body instanceof Uint8Array;
  const res = await fetch(server + path, {
    method, redirect: "manual", body: plain ? body : JSON.stringify(body),
    headers: {
      ...(user && { Authorization: "Basic " + Buffer.from(`${user.name}:${user.password}`).toString("base64") }),
      ...(!plain && { "Content-Type": "application/json" }), ...headers,
    },
  });
  const text = await res.text();
  let json;
  try {
    json = JSON.parse(text);
  } catch {
    // not JSON
  }
  return { status: res.status, headers: res.headers, text, body: json };
}

/** api for a request that must succeed: its JSON, or its text. */
export async function must(user, method, path, body, headers) {
  const res = await api(user, method, path, body, headers);
  if (res.status >= 400) throw new Error(`${method} ${path}: ${res.status}\n${res.text}`);
  return res.body ?? res.text;
}

/** api for WebDAV: path is "FOLDER/name/…" with names as they are, or begins with /. */
export const dav = (user, method, path, body, headers) => api(user, method, path.startsWith("/") ? path : davPath(path), body, headers);

/** The escaped path under /dav/ of "FOLDER/name/…". */
export const davPath = (path) => "/dav/" + path.split("/").map(encodeURIComponent).join("/");

/**
 * Makes a user and folders of it, by title. The answer: {name, password, folders: {title: id}}. admin makes an
 * administrator of it; limits are those of the API.
 */
export async function user(name, { folders = [], admin: isAdmin = false, limits, password = `the password of ${name}` } = {}) {
  await must(admin, "POST", "/api/davit/users", { name, password, admin: isAdmin, ...(limits && { limits }) });
  const made = { name, password, folders: {} };
  for (const title of folders) await folder(made, title);
  return made;
}

/** Makes a folder of user's, notes it in user.folders and gives its ID. */
export async function folder(user, title, { project = "" } = {}) {
  const product = { id: "standard", category: "standard", provider: "davit" };
  const made = await must(user, "POST", "/api/files/collections", { items: [{ title, product }] }, project ? { Project: project } : {});
  return (user.folders[title] = made.responses[0].id);
}

/** Signs somebody in, in a context: its cookies, as the page's form would. The answer is a page that is at path. */
export async function signIn(context, name, password, path = "/") {
  const res = await context.request.post("/auth/login", { form: { username: name, password }, headers: { Accept: "application/json" } });
  if (!res.ok()) throw new Error(`sign in as ${name}: ${res.status()} ${await res.text()}`);
  const page = context.pages()[0] ?? (await context.newPage());
  await page.goto(path);
  return page;
}

/** Restarts the server, at the same address; with kill it gets no time to stop. */
export const restartServer = ({ kill = false } = {}) => command(kill ? "kill" : "restart");

/** Stops the server until startServer. */
export const stopServer = () => command("stop");
export const startServer = () => command("start");

async function command(what) {
  const res = await fetch(`${control}/${what}`, { method: "POST" });
  if (!res.ok) throw new Error(`${what} of the server: ${await res.text()}`);
}

/** Runs a command of the program on the server's data directory: davit("folder", "list", "--json"). The answer is what it prints. */
export async function davit(...args) {
  const { stdout } = await promisify(execFile)(needed("DAVIT_TEST_PROGRAM"), [...args, "--data", dataDir], { maxBuffer: 64 << 20 });
  return stdout;
}

/** The path on the disk of "FOLDER/name/…". */
export const onDisk = (name) => path.join(dataDir, "files", name);

/** Bytes that differ from place to place, always the same. */
export function bytes(n) {
  const b = Buffer.alloc(n);
  for (let i = 0; i + 4 <= n; i += 4) b.writeUInt32LE(Math.imul(i + 1, 2654435761) >>> 0, i);
  return b;
}

/** A file for a file chooser, with the given content or that many bytes. The answer is its path. */
export async function file(name, content) {
  const at = path.join(scratch, name);
  await mkdir(path.dirname(at), { recursive: true });
  await writeFile(at, typeof content === "number" ? bytes(content) : content);
  return at;
}

/** Drops files on an element as if they were dragged from the desktop: [{name, content, type}]. */
export async function drop(locator, files) {
  const page = locator.page();
  const list = files.map(({ name, content = "", type = "" }) => ({ name, type, base64: Buffer.from(content).toString("base64") }));
  const dataTransfer = await page.evaluateHandle((list) => {
    const dt = new DataTransfer();
    for (const f of list) {
      dt.items.add(new File([Uint8Array.from(atob(f.base64), (c) => c.charCodeAt(0))], f.name, { type: f.type }));
    }
    return dt;
  }, list);
  for (const type of ["dragenter", "dragover", "drop"]) await locator.dispatchEvent(type, { dataTransfer });
}

// The pages' own policy does not hold for what DevTools evaluate.
const axeOptions = {
  runOnly: { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] },
  rules: { "target-size": { enabled: true } },
  resultTypes: ["violations"],
  iframes: false, // what people uploaded is not ours to mend
};

/**
 * Fails if axe finds something in what the page shows, in light or in dark: WCAG 2.2 AA and what axe calls best
 * practice (landmarks, headings). within narrows it to a selector.
 */
export async function checkAxe(page, { within = undefined } = {}) {
  const found = [];
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    if (!(await page.evaluate(() => "axe" in window && typeof window.axe.run === "function"))) await page.evaluate(axe.source);
    const { violations } = await page.evaluate(([within, options]) => window.axe.run(within ?? document, options), [within, axeOptions]);
    for (const v of violations) {
      for (const n of v.nodes.slice(0, 5)) found.push(`${v.id} (${colorScheme}): ${v.help}\n  ${n.html}\n  ${n.failureSummary?.replaceAll("\n", "\n  ")}`);
      if (v.nodes.length > 5) found.push(`${v.id} (${colorScheme}): and ${v.nodes.length - 5} more`);
    }
  }
  await page.emulateMedia({ colorScheme: null });
  if (found.length > 0) throw new Error(`axe finds at ${page.url()}:\n${found.join("\n")}`);
}

/** Saves pictures of the page, wide and narrow, light and dark, if DAVIT_TEST_SHOTS names a directory. */
export async function shot(page, name) {
  if (shots === "") return;
  const before = page.viewportSize();
  const dir = path.join(shots, area);
  await mkdir(dir, { recursive: true });
  for (const width of [1280, 360]) {
    await page.setViewportSize({ width, height: width === 360 ? 740 : 800 });
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: path.join(dir, `${name}-${width}-${colorScheme}.png`) });
    }
  }
  await page.emulateMedia({ colorScheme: null });
  await page.setViewportSize(before);
}

/**
 * Keeps back the answer of the next request for pattern. What it gives waits for that request, and gives what lets the
 * answer go.
 */
export async function held(page, pattern) {
  let asked;
  const request = new Promise((done) => (asked = done));
  await page.route(pattern, async (route) => {
    const response = await route.fetch();
    await new Promise((go) => asked(go));
    await route.fulfill({ response });
  }, { times: 1 });
  return () => request;
}

/** Waits until what locator finds has the focus. */
export const focused = (locator) => locator.and(locator.page().locator(":focus")).waitFor();

/** Asks until ask gives something true, and gives that; for effects that are looked at through another door. */
export async function eventually(what, ask, limit = 30_000) {
  for (const end = Date.now() + limit; ; ) {
    const got = await ask();
    if (got) return got;
    if (Date.now() > end) throw new Error(`not within ${limit / 1000} s: ${what}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** Fails unless got is want, as JSON. */
export function equal(got, want, what = "") {
  const [a, b] = [JSON.stringify(got), JSON.stringify(want)];
  if (a !== b) throw new Error(`${what ? what + ": " : ""}got ${a}, want ${b}`);
}

/** Fails unless ok. */
export function check(ok, what) {
  if (!ok) throw new Error(what);
}

