// Uploads: by chooser and by drop, small and large, through breaks of all kinds, and what stops them.
import { createHash } from "node:crypto";
import { readFile, readdir, stat, utimes, writeFile } from "node:fs/promises";
import path from "node:path";
import {
  api, bytes, check, checkAxe, dav, davit, davPath, equal, eventually, file, must, onDisk, restartServer, scenario, server, shot, signIn, startServer, stopServer, user,
} from "./harness.mjs";

const MiB = 1 << 20;
const panelOf = (page) => page.getByRole("region", { name: "Uploads", exact: true });
const title = (page, text) => panelOf(page).getByRole("heading", { level: 2, name: text });
const sum = (data) => createHash("sha256").update(data).digest("hex");
const sumOf = async (name) => sum(await readFile(name));
const usage = async (u, id) => (await must(u, "GET", `/api/davit/folders/${id}`)).usage;

// to opens a folder of somebody's.
const to = (context, u, title = "docs") => signIn(context, u.name, u.password, `/#/files/${u.folders[title]}`);

// choose chooses files, or a directory, in the browser's own chooser.
async function choose(page, paths, { directory = false } = {}) {
  await page.getByRole("button", { name: "Upload", exact: true }).first().click();
  const chooser = page.waitForEvent("filechooser");
  await page.getByRole("menuitem", { name: directory ? "Upload a folder" : "Upload files" }).click();
  await (await chooser).setFiles(paths);
}

// dropPaths drops files and directories of the disk, as from the desktop.
async function dropPaths(page, paths) {
  await page.getByRole("button", { name: "Upload", exact: true }).first().waitFor();
  const cdp = await page.context().newCDPSession(page);
  const { x, y, width } = await page.getByRole("main").boundingBox();
  const data = { items: [], files: paths, dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"]) await cdp.send("Input.dispatchDragEvent", { type, x: x + width / 2, y: y + 200, data });
  await cdp.detach();
}

// slow limits what the page sends, in bytes a second. The answer is the way back, and has one to no network at all:
// two ways of limiting one page would not know of each other.
async function slow(page, speed) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("Network.enable");
  const limit = (uploadThroughput, offline = false) => cdp.send("Network.emulateNetworkConditions", { offline, latency: 0, downloadThroughput: -1, uploadThroughput });
  await limit(speed);
  const fast = async () => {
    await limit(-1);
    await cdp.detach();
  };
  fast.offline = () => limit(-1, true);
  return fast;
}

// under waits until part of an upload has arrived.
const under = (page, name, part = 0.1) =>
  page.waitForFunction(
    ([label, part]) => [...document.querySelectorAll("progress")].some((p) => p.getAttribute("aria-label") === label && p.value > part),
    [`Upload of ${name}`, part],
  );

// The bytes of a page's parts, each with what it begins at, as they are asked for.
function parts(page) {
  const all = [];
  page.on("request", (r) => {
    if (r.method() === "PATCH" && r.url().includes("/api/davit/uploads/")) all.push(Number(r.headers()["upload-offset"]));
  });
  return all;
}

// What is expected where a server or a connection goes away.
const broken = /no answer|ERR_|answer 50[234]/;

await scenario("500 files by chooser", async ({ context }) => {
  const ann = await user("many", { folders: ["docs"] });
  const page = await to(context, ann);
  const paths = [];
  for (let i = 0; i < 500; i++) paths.push(await file(`many/f${i}.bin`, Buffer.from(`file ${i} `.repeat(400)).subarray(0, 4096 - (i % 7))));
  await choose(page, paths);
  await title(page, "500 files uploaded").waitFor({ timeout: 60_000 });
  equal((await readdir(onDisk(ann.folders.docs))).length, 500, "files on the disk");
  for (const p of paths) equal(await sumOf(onDisk(`${ann.folders.docs}/${path.basename(p)}`)), await sumOf(p), p);
  const [one, its] = await Promise.all([stat(onDisk(`${ann.folders.docs}/f7.bin`)), stat(paths[7])]);
  equal(Math.floor(one.mtimeMs / 1000), Math.floor(its.mtimeMs / 1000), "time of change");
  await page.getByText("500 entries").waitFor(); // the list came to know of them
  await shot(page, "done");
  await checkAxe(page);
  await panelOf(page).getByRole("button", { name: "Close" }).click();
  await panelOf(page).waitFor({ state: "hidden" });
  await page.reload();
  await page.getByText("500 entries").waitFor();
  equal(await panelOf(page).count(), 0, "panels after all is done");
});

await scenario("a directory tree by drop, with names of all kinds", async ({ context }) => {
  const ann = await user("tree", { folders: ["docs"] });
  const page = await to(context, ann);
  const good = [
    "a.txt", "with space.txt", "100 % #1?.txt", "quo'te\".txt", "uml\u00e4ut.txt", "ume\u0308.txt", "\u{1f600}.txt", "evil\u202egpj.txt", ".hidden", "<b>&amp;.html",
    "-rf", "deep/er/and/deeper/x.bin", "deep/y.bin", "e".repeat(255), "+.txt", "%2e%2e.txt", "con", "semi;colon=.txt", "~",
  ];
  const bad = ["back\\slash.txt", "line\nbreak.txt"];
  let root;
  for (const name of [...good, ...bad, "empty/below/.gone"]) {
    const at = await file(`tree/things/${name}`, `this is ${name}`);
    root ??= path.dirname(at);
  }
  const { rm } = await import("node:fs/promises");
  await rm(path.join(root, "empty/below/.gone"));
  await dropPaths(page, [root, await file("tree/beside.txt", "beside")]);
  await title(page, "2 files were not uploaded").waitFor({ timeout: 30_000 });
  const panel = panelOf(page);
  await panel.getByText("The name has a backslash or characters that are not seen").waitFor();
  await panel.getByText("line").first().waitFor();
  await panel.getByText("U+000A").waitFor();
  for (const name of good) equal((await dav(ann, "GET", `${ann.folders.docs}/things/${name}`)).text, `this is ${name}`, name);
  check((await stat(onDisk(`${ann.folders.docs}/things/empty/below`))).isDirectory(), "the empty directory is missing");
  equal((await dav(ann, "GET", `${ann.folders.docs}/beside.txt`)).text, "beside");
  equal((await readdir(onDisk(`${ann.folders.docs}/things`))).length, good.filter((n) => !n.includes("/")).length + 2, "members");
  await shot(page, "names");
  await checkAxe(page);
  await panel.getByRole("button", { name: "Leave out" }).click();
  await title(page, `${good.length + 1} files uploaded`).waitFor();
});

await scenario("a directory by chooser goes into the one that is there", async ({ context }) => {
  const ann = await user("merge", { folders: ["docs"] });
  await must(ann, "MKCOL", davPath(`${ann.folders.docs}/set`));
  await must(ann, "PUT", davPath(`${ann.folders.docs}/set/old.txt`), "old");
  const page = await to(context, ann);
  const root = path.dirname(await file("merge/set/new.txt", "new"));
  await file("merge/set/sub/newer.txt", "newer");
  await choose(page, root, { directory: true });
  await title(page, "2 files uploaded").waitFor();
  equal(await readFile(onDisk(`${ann.folders.docs}/set/old.txt`), "utf8"), "old");
  equal(await readFile(onDisk(`${ann.folders.docs}/set/sub/newer.txt`), "utf8"), "newer");
});

await scenario("a large file goes on when the server was killed and comes back", async ({ context, expect }) => {
  expect(broken);
  const ann = await user("large", { folders: ["docs"] });
  const page = await to(context, ann);
  const sent = parts(page);
  const big = await file("large/big.bin", 256 * MiB);
  const fast = await slow(page, 60 * MiB);
  await choose(page, [big]);
  await under(page, "big.bin", 0.3);
  await stopOrKill();
  await title(page, "Waiting for the server").waitFor();
  await shot(page, "waiting");
  await checkAxe(page);
  await startServer();
  await fast();
  await title(page, "1 file uploaded").waitFor({ timeout: 60_000 });
  equal(await sumOf(onDisk(`${ann.folders.docs}/big.bin`)), await sumOf(big), "content");
  check(sent.slice(1).some((o) => o > 32 * MiB), `it began anew: ${sent}`);
  equal((await usage(ann, ann.folders.docs)).reserved, 0, "reserved in the end");

  async function stopOrKill() {
    await restartServer({ kill: true });
    await stopServer();
  }
}, { timeout: 180_000 });

await scenario("pause, resume, cancel", async ({ context }) => {
  const ann = await user("pause", { folders: ["docs"] });
  const page = await to(context, ann);
  const sent = parts(page);
  const [one, two] = [await file("pause/one.bin", 24 * MiB), await file("pause/two.bin", 24 * MiB)];
  const fast = await slow(page, 4 * MiB);
  await choose(page, [one, two]);
  await under(page, "one.bin", 0.05);
  const panel = panelOf(page);
  await shot(page, "running");
  await checkAxe(page);
  await panel.getByRole("button", { name: "Pause one.bin" }).click();
  await panel.getByRole("heading", { name: "1 paused" }).waitFor();
  equal((await usage(ann, ann.folders.docs)).reserved, 48 * MiB, "reserved");
  await panel.getByRole("button", { name: "Cancel two.bin" }).click();
  await eventually("the room of the cancelled upload is free", async () => (await usage(ann, ann.folders.docs)).reserved === 24 * MiB);
  await title(page, "1 file is paused").waitFor();
  await panel.getByRole("button", { name: "Resume one.bin" }).click();
  await under(page, "one.bin", 0.1);
  await panel.getByRole("button", { name: "Pause all" }).click();
  await title(page, "1 file is paused").waitFor();
  await panel.getByRole("button", { name: "Resume all" }).click();
  await fast();
  await title(page, "1 file uploaded").waitFor();
  equal(await sumOf(onDisk(`${ann.folders.docs}/one.bin`)), await sumOf(one), "content");
  check(sent.filter((o) => o > 0).length > 0, `it began anew each time: ${sent}`);
  equal(await readdir(onDisk(ann.folders.docs)), ["one.bin"], "files");

  const slowAgain = await slow(page, 2 * MiB);
  await choose(page, [two]);
  await under(page, "two.bin", 0.05);
  await panel.getByRole("button", { name: "Cancel all" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel the uploads" }).click();
  await panel.getByText("1 cancelled").waitFor().catch(() => panel.getByText("2 cancelled").waitFor());
  await slowAgain();
  await eventually("all reserved room is free", async () => (await usage(ann, ann.folders.docs)).reserved === 0);
  equal(await readdir(onDisk(ann.folders.docs)), ["one.bin"], "files");
});

await scenario("after a reload the same file goes on, and another does not", async ({ context }) => {
  const ann = await user("again", { folders: ["docs"] });
  const page = await to(context, ann);
  const big = await file("again/big.bin", 64 * MiB);
  const fast = await slow(page, 16 * MiB);
  await choose(page, [big]);
  await under(page, "big.bin", 0.6);
  const second = await context.newPage(); // another tab leaves alone what this one does
  const asked = second.waitForResponse((r) => r.url().endsWith("/api/davit/uploads"));
  await second.goto(`/#/files/${ann.folders.docs}`);
  await asked;
  equal(await second.getByRole("button", { name: "Go on with big.bin" }).count(), 0, "offers in the other tab");
  await second.close();
  let warned = "";
  page.once("dialog", async (d) => {
    warned = d.type();
    await d.accept();
  });
  await page.reload();
  equal(warned, "beforeunload");
  await fast();
  const panel = panelOf(page);
  const goOn = panel.getByRole("button", { name: "Go on with big.bin" });
  await goOn.waitFor();
  await shot(page, "unfinished");
  await checkAxe(page);
  const other = await file("other/big.bin", 3 * MiB);
  const chooses = async (name) => {
    const chooser = page.waitForEvent("filechooser");
    await goOn.click();
    await (await chooser).setFiles(name);
  };
  await chooses(other);
  await panel.getByText("is not the file whose upload was begun").waitFor();
  await shot(page, "different");
  await checkAxe(page);
  const sent = parts(page);
  await chooses(big);
  await title(page, "1 file uploaded").waitFor();
  check(sent.length > 0 && sent[0] > 24 * MiB, `sent again from ${sent}`);
  equal(await sumOf(onDisk(`${ann.folders.docs}/big.bin`)), await sumOf(big), "content");
  await goOn.waitFor({ state: "hidden" });
});

await scenario("after a reload a directory goes on with what is missing", async ({ context, requests }) => {
  const ann = await user("rest", { folders: ["docs"] });
  const page = await to(context, ann);
  let root;
  for (let i = 0; i < 60; i++) root ??= path.dirname(await file(`rest/photos/p${i}.bin`, bytes(64 << 10)));
  for (let i = 0; i < 60; i++) await file(`rest/photos/p${i}.bin`, bytes(64 << 10));
  const fast = await slow(page, MiB);
  await choose(page, root, { directory: true });
  await eventually("some have arrived", async () => (await readdir(onDisk(`${ann.folders.docs}/photos`)).catch(() => [])).length >= 12);
  await page.reload();
  await fast();
  const panel = panelOf(page);
  const goOn = panel.getByRole("button", { name: "Go on with photos" });
  await goOn.waitFor();
  await panel.getByText(/\d+ of 60 files uploaded/).waitFor();
  const before = requests.filter((r) => r.method === "PUT").length;
  const chooser = page.waitForEvent("filechooser");
  await goOn.click();
  await (await chooser).setFiles(root);
  await title(page, /\d+ files uploaded/).waitFor();
  const more = requests.filter((r) => r.method === "PUT").length - before;
  check(more <= 52, `${more} files were sent again`);
  equal((await readdir(onDisk(`${ann.folders.docs}/photos`))).length, 60);
  equal(await page.getByRole("dialog").count(), 0, "questions");
});

await scenario("an unfinished upload is discarded", async ({ context }) => {
  const ann = await user("discard", { folders: ["docs"] });
  const page = await to(context, ann);
  await slow(page, 4 * MiB);
  await choose(page, [await file("discard/big.bin", 32 * MiB)]);
  await under(page, "big.bin", 0.1);
  await page.reload();
  const panel = panelOf(page);
  await panel.getByRole("button", { name: "Discard big.bin" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Discard", exact: true }).click();
  await panel.waitFor({ state: "hidden" });
  equal((await usage(ann, ann.folders.docs)).reserved, 0, "reserved");
  equal((await must(ann, "GET", "/api/davit/uploads")).uploads, [], "unfinished");
});

await scenario("an upload that another program began goes on here", async ({ context }) => {
  const ann = await user("foreign", { folders: ["docs"] });
  const big = await file("foreign/data.bin", 6 * MiB);
  const all = await readFile(big);
  const b64 = (s) => Buffer.from(s).toString("base64");
  const made = await api(ann, "POST", "/api/davit/uploads", undefined, {
    "Tus-Resumable": "1.0.0", "Upload-Length": String(all.length), "Upload-Metadata": `folder ${b64(ann.folders.docs)},path ${b64("data.bin")}`,
  });
  await must(ann, "PATCH", made.headers.get("Location"), all.subarray(0, 5 * MiB), { "Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream" });
  const page = await to(context, ann);
  const sent = parts(page);
  const chooser = page.waitForEvent("filechooser");
  await panelOf(page).getByRole("button", { name: "Go on with data.bin" }).click();
  await (await chooser).setFiles(big);
  await title(page, "1 file uploaded").waitFor();
  equal(sent, [5 * MiB]);
  equal(await sumOf(onDisk(`${ann.folders.docs}/data.bin`)), sum(all));
});

await scenario("without a connection uploads wait, and go on with it", async ({ context, expect }) => {
  expect(broken);
  const ann = await user("offline", { folders: ["docs"] });
  const page = await to(context, ann);
  const big = await file("offline/big.bin", 24 * MiB);
  const small = [];
  for (let i = 0; i < 20; i++) small.push(await file(`offline/s${i}.bin`, bytes(200 << 10)));
  const fast = await slow(page, MiB);
  await choose(page, [big, ...small]);
  await under(page, "big.bin", 0);
  await fast.offline();
  await title(page, "Waiting for the server").waitFor();
  await panelOf(page).getByText("go on by themselves").waitFor();
  await fast();
  await title(page, "21 files uploaded").waitFor({ timeout: 40_000 });
  for (const p of [big, ...small]) equal(await sumOf(onDisk(`${ann.folders.docs}/${path.basename(p)}`)), await sumOf(p), p);
  equal(await page.getByRole("dialog").count(), 0, "questions about its own files");
});

await scenario("a token that is too old is renewed on the way", async ({ context }) => {
  const ann = await user("token", { folders: ["docs"] });
  const page = await to(context, ann);
  let refused = 0;
  const refuse = async (route) => {
    if (["PATCH", "PUT"].includes(route.request().method()) && refused++ % 3 === 0) {
      await route.fulfill({ status: 401, body: "{}", headers: { "WWW-Authenticate": "Bearer" } });
    } else {
      await route.continue();
    }
  };
  await context.route(/\/api\/davit\/uploads\/|\/dav\//, refuse);
  const big = await file("token/big.bin", 6 * MiB);
  const small = [await file("token/a.txt", "a"), await file("token/b.txt", "b"), await file("token/c.txt", "c")];
  await choose(page, [big, ...small]);
  await title(page, "4 files uploaded").waitFor();
  check(refused >= 2, `${refused} requests came by`);
  equal(await sumOf(onDisk(`${ann.folders.docs}/big.bin`)), await sumOf(big));
});

await scenario("a session that ends pauses, and goes on with the same user only", async ({ context, newContext }) => {
  const ann = await user("ends", { folders: ["docs"] });
  const bob = await user("ends-bob", { folders: ["docs"] });
  const page = await to(context, ann);
  const big = await file("ends/big.bin", 48 * MiB);
  let over = false;
  await context.route(/\/api\/davit\/uploads\/./, (route) => (over ? route.fulfill({ status: 401, body: "{}" }) : route.continue()));
  const ends = async () => {
    await panelOf(page).getByRole("button", { name: "Pause all" }).click(); // what runs would notice by itself
    const resume = panelOf(page).getByRole("button", { name: "Resume all" });
    await resume.waitFor();
    await context.clearCookies();
    over = true;
    await resume.click();
    await page.getByText("Your session has ended").waitFor();
    over = false;
  };
  const signInAs = async (u) => {
    await page.getByLabel("User name").fill(u.name);
    await page.getByLabel("Password", { exact: true }).fill(u.password);
    await page.getByRole("button", { name: "Sign in" }).click();
  };
  const fast = await slow(page, MiB);
  await choose(page, [big]);
  await under(page, "big.bin", 0);
  await ends();
  await signInAs(ann);
  await title(page, "Uploading 1 file").waitFor();
  await under(page, "big.bin", 0);
  await ends();
  await signInAs(bob);
  await page.getByRole("button", { name: `Menu of ${bob.name}` }).waitFor();
  await fast();
  equal(await panelOf(page).count(), 0, "panels for another user");
  equal((await must(bob, "GET", "/api/davit/uploads")).uploads, [], "of bob");
  equal((await must(ann, "GET", "/api/davit/uploads")).uploads.length, 1, "of ann");
  equal(await readdir(onDisk(bob.folders.docs)), [], "files of bob");

  const other = await newContext();
  const second = await to(other, ann);
  await panelOf(second).getByRole("button", { name: "Go on with big.bin" }).waitFor();
});

await scenario("signing out stops, and leaves nothing for who comes next", async ({ context }) => {
  const ann = await user("out", { folders: ["docs"] });
  const page = await to(context, ann);
  await slow(page, 4 * MiB);
  await choose(page, [await file("out/big.bin", 32 * MiB)]);
  await under(page, "big.bin", 0.1);
  await page.getByRole("button", { name: `Menu of ${ann.name}` }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.getByText("You are signed out").waitFor();
  const at = (await must(ann, "GET", "/api/davit/uploads")).uploads[0].offset;
  const kept = await page.evaluate(() => new Promise((done) => {
    const asked = indexedDB.open("davit-uploads");
    asked.onsuccess = () => {
      const all = asked.result.transaction("batches").objectStore("batches").getAll();
      all.onsuccess = () => done(all.result.length);
    };
  }));
  equal(kept, 0, "kept in the browser");
  equal((await must(ann, "GET", "/api/davit/uploads")).uploads[0].offset, at, "bytes after signing out");
});

await scenario("a folder that is full in bytes says so once", async ({ context, expect }) => {
  expect(/answer 507/);
  const ann = await user("full", { folders: ["docs"] });
  const id = ann.folders.docs;
  await davit("folder", "limit", id, "--max-bytes", "1MiB");
  await eventually("the limit holds", async () => (await usage(ann, id)).maxBytes === MiB);
  const page = await to(context, ann);
  const paths = [];
  for (let i = 0; i < 100; i++) paths.push(await file(`full/f${i}.bin`, bytes(32 << 10)));
  await choose(page, [...paths, await file("full/large.bin", 8 * MiB)]);
  await title(page, "69 files were not uploaded").waitFor();
  const panel = panelOf(page);
  const told = panel.getByText("There is not enough room in the folder: it may hold 1 MiB");
  await told.waitFor();
  equal(await told.count(), 1, "messages");
  equal((await usage(ann, id)).bytes, MiB);
  await shot(page, "full");
  await checkAxe(page);
  await davit("folder", "limit", id, "--max-bytes", "32MiB");
  await eventually("the limit holds", async () => (await usage(ann, id)).maxBytes === 32 * MiB);
  await panel.getByRole("button", { name: "Try again" }).click();
  await title(page, "101 files uploaded").waitFor();
  equal((await readdir(onDisk(id))).length, 101);
});

await scenario("a folder that is full in files says so once", async ({ context, requests, expect }) => {
  expect(/answer 507/);
  const ann = await user("fullfiles", { folders: ["docs"] });
  const id = ann.folders.docs;
  await davit("folder", "limit", id, "--max-files", "20");
  await eventually("the limit holds", async () => (await usage(ann, id)).maxFiles === 20);
  const page = await to(context, ann);
  const paths = [];
  for (let i = 0; i < 300; i++) paths.push(await file(`fullfiles/f${i}.txt`, `${i}`));
  await choose(page, paths);
  await title(page, "280 files were not uploaded").waitFor();
  equal(await panelOf(page).getByText("The folder may hold 20 files and folders; 280 do not fit.").count(), 1, "messages");
  const puts = requests.filter((r) => r.method === "PUT").length;
  check(puts < 40, `${puts} requests for 20 files`);
  equal((await readdir(onDisk(id))).length, 20);
});

await scenario("a name that is taken is asked about", async ({ context }) => {
  const ann = await user("taken", { folders: ["docs"] });
  const id = ann.folders.docs;
  const there = (name) => readFile(onDisk(`${id}/${name}`), "utf8");
  for (const name of ["a.txt", "b.txt", "c.txt", "d.txt", "e.txt", "b(1).txt"]) await must(ann, "PUT", davPath(`${id}/${name}`), `old ${name}`);
  await must(ann, "MKCOL", davPath(`${id}/dir`));
  const page = await to(context, ann);
  const mine = (name) => file(`taken/${name}`, `new ${name}`);
  const dialog = page.getByRole("dialog");

  await choose(page, [await mine("a.txt")]);
  await page.getByRole("dialog", { name: "a.txt” is there already" }).waitFor();
  await shot(page, "taken");
  await checkAxe(page);
  await dialog.getByRole("button", { name: "Skip" }).click();
  await panelOf(page).getByText("1 skipped").waitFor();
  equal(await there("a.txt"), "old a.txt");

  await choose(page, [await mine("b.txt")]);
  await dialog.getByRole("button", { name: "Keep both" }).click();
  await eventually("both are there", () => there("b(2).txt").catch(() => ""));
  equal([await there("b.txt"), await there("b(1).txt"), await there("b(2).txt")], ["old b.txt", "old b(1).txt", "new b.txt"]);

  // What somebody changes while the person decides is not replaced unseen.
  await choose(page, [await mine("c.txt")]);
  await dialog.getByRole("button", { name: "Replace" }).waitFor();
  await must(ann, "PUT", davPath(`${id}/c.txt`), "newer c.txt");
  await dialog.getByRole("button", { name: "Replace" }).click();
  await dialog.getByText("It was changed while you decided").waitFor();
  equal(await there("c.txt"), "newer c.txt");
  await dialog.getByRole("button", { name: "Replace" }).click();
  await eventually("it is replaced", async () => (await there("c.txt")) === "new c.txt");

  // For all.
  await choose(page, [await mine("d.txt"), await mine("e.txt")]);
  await dialog.getByRole("checkbox").check();
  await dialog.getByRole("button", { name: "Replace" }).click();
  await eventually("both are replaced", async () => (await there("d.txt")) === "new d.txt" && (await there("e.txt")) === "new e.txt");

  // A directory is never replaced by a file.
  await choose(page, [await mine("dir")]);
  await dialog.getByText("A folder has this name").waitFor();
  check(await dialog.getByRole("button", { name: "Replace" }).isDisabled(), "a directory could be replaced");
  await dialog.getByRole("button", { name: "Keep both" }).click();
  await eventually("the file is beside it", () => there("dir(1)").catch(() => ""));
  check((await stat(onDisk(`${id}/dir`))).isDirectory(), "the directory is gone");

  // A large one, by keyboard, put off first.
  const big = await file("taken/big.bin", 6 * MiB);
  await must(ann, "PUT", davPath(`${id}/big.bin`), "old");
  await choose(page, [big]);
  await dialog.waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
  equal(await there("big.bin"), "old");
  await panelOf(page).getByRole("button", { name: "Decide" }).press("Enter");
  await dialog.getByRole("button", { name: "Replace" }).press("Enter");
  await eventually("it is replaced", async () => (await stat(onDisk(`${id}/big.bin`))).size === 6 * MiB);
  equal(await sumOf(onDisk(`${id}/big.bin`)), await sumOf(big));
});

await scenario("who cancels while a name is looked at is not asked about it", async ({ context }) => {
  const ann = await user("looked", { folders: ["docs"] });
  for (const name of ["a.txt", "b.txt"]) await must(ann, "PUT", davPath(`${ann.folders.docs}/${name}`), "old");
  const page = await to(context, ann);
  let goOn;
  const held = new Promise((done) => { goOn = done; });
  await context.route(/\/dav\/.*\/a\.txt$/, async (route) => {
    if (route.request().method() === "HEAD") await held;
    await route.continue();
  });
  const asked = page.waitForRequest((r) => r.method() === "HEAD");
  const answered = page.waitForResponse((r) => r.request().method() === "HEAD");
  await choose(page, [await file("looked/a.txt", "new")]);
  await asked;
  await panelOf(page).getByRole("button", { name: "Cancel a.txt" }).click();
  await panelOf(page).getByText("1 cancelled").waitFor();
  goOn();
  await answered;
  await choose(page, [await file("looked/b.txt", "new")]);
  await page.getByRole("dialog", { name: "b.txt” is there already" }).waitFor();
  await panelOf(page).getByText("1 cancelled").waitFor();
  await checkAxe(page);
});

await scenario("what stops a file is told, and the others go on", async ({ context, expect }) => {
  expect(/ERR_(FAILED|UPLOAD_FILE_CHANGED)/); // of the file that changes, as early as it is noticed
  const ann = await user("stops", { folders: ["docs"] });
  const id = ann.folders.docs;
  await must(ann, "PUT", davPath(`${id}/locked.txt`), "old");
  const lock = `<?xml version="1.0"?><lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>`;
  await must(ann, "LOCK", davPath(`${id}/locked.txt`), lock, { "Content-Type": "application/xml" });
  const page = await to(context, ann);
  const panel = panelOf(page);
  const dialog = page.getByRole("dialog");
  await choose(page, [await file("stops/locked.txt", "new"), await file("stops/fine.txt", "fine")]);
  await dialog.getByRole("button", { name: "Replace" }).click();
  await panel.getByText(`${ann.name} has the file open and has locked it.`).waitFor();
  equal(await readFile(onDisk(`${id}/fine.txt`), "utf8"), "fine");
  await panel.getByRole("button", { name: "Leave out" }).click();

  // Changed on the disk while it is read.
  const big = await file("stops/big.bin", 48 * MiB);
  const fast = await slow(page, 8 * MiB);
  await choose(page, [big]);
  await under(page, "big.bin", 0.1);
  await writeFile(big, bytes(40 * MiB));
  await panel.getByText("The file was changed while it was read").waitFor();
  await fast();
  await eventually("its room is free", async () => (await usage(ann, id)).reserved === 0);
  check(await stat(onDisk(`${id}/big.bin`)).then(() => false, () => true), "a half file is there");
  await panel.getByRole("button", { name: "Leave out" }).click();

  // The right goes away.
  const bob = await user("stops-bob", { folders: ["shared"] });
  const shared = bob.folders.shared;
  const share = (permissions) => must(bob, "POST", "/api/files/collections/updateAcl", { items: [{
    id: shared, added: permissions.length > 0 ? [{ entity: { type: "user", username: ann.name }, permissions }] : [], deleted: permissions.length > 0 ? [] : [{ type: "user", username: ann.name }],
  }] });
  await share(["READ", "EDIT"]);
  await page.goto(`/#/files/${shared}`);
  const held = await slow(page, 2 * MiB);
  const list = [];
  for (let i = 0; i < 12; i++) list.push(await file(`stops/r${i}.bin`, bytes(512 << 10)));
  await choose(page, [await file("stops/large.bin", 12 * MiB), ...list]);
  await under(page, "large.bin", 0);
  await share(["READ"]);
  await held();
  await panel.getByText("You may no longer write into this folder.").waitFor();
  equal(await panel.getByText("You may no longer write").count(), 1, "messages");
  await panel.getByRole("button", { name: "Leave out" }).click();
  await page.goto(`/#/files/${id}`);

  // The folder goes away.
  const many = [];
  for (let i = 0; i < 40; i++) many.push(await file(`stops/m${i}.bin`, bytes(256 << 10)));
  const slowly = await slow(page, 2 * MiB);
  await choose(page, many);
  await eventually("some are there", async () => (await readdir(onDisk(id))).some((n) => n.startsWith("m")));
  await davit("folder", "rm", id, "--yes").catch(() => davit("folder", "rm", id));
  await slowly();
  await panel.getByText("The folder was deleted, or you may not see it any more.").waitFor();
  equal(await panel.getByText("The folder was deleted").count(), 1, "messages");
  await shot(page, "gone");
  await checkAxe(page);
});

await scenario("360 px and keyboard", async ({ newContext }) => {
  const ann = await user("narrow", { folders: ["docs"] });
  const context = await newContext({ viewport: { width: 360, height: 740 } });
  const page = await to(context, ann);
  await slow(page, 2 * MiB);
  const paths = [];
  for (let i = 0; i < 30; i++) paths.push(await file(`narrow/a file with a rather long name, number ${i}.bin`, bytes(512 << 10)));
  await choose(page, paths);
  const panel = panelOf(page);
  await title(page, /Uploading \d+ files/).waitFor();
  await checkAxe(page);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  check(wide <= 360, `the page is ${wide} px wide`);
  const less = panel.getByRole("button", { name: "Show less" });
  await less.focus();
  await page.keyboard.press("Enter");
  await panel.getByRole("button", { name: "Show more" }).press("Enter");
  await panel.getByRole("button", { name: "Cancel all" }).press("Enter");
  await page.getByRole("dialog").getByRole("button", { name: "Cancel the uploads" }).press("Enter");
  await panel.getByText(/\d+ cancelled/).waitFor();
});
