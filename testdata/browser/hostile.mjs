// Names and files that somebody made to do harm, in every place of the page that shows them.
import { deflateSync } from "node:zlib";
import { api, check, checkAxe, davit, davPath, equal, eventually, folder, held, must, scenario, server, shot, signIn, user } from "./harness.mjs";

const tag = (n) => `<img src=x onerror=pwned(${n})>`;
const bidi = "invoice\u202efdp.exe\u2066\u200b";
const fileNames = [
  tag(1), "'\"><svg onload=pwned(2)>", "<script>pwned(3)", bidi, "  blank at both ends  ", "%2F..%2F%00", "${7*7}{{7*7}}", "a&amp;b&lt;", "long".repeat(63),
  "javascript:pwned(4)", "constructor", "__proto__", "e\u0301\u0301\u0301\u0301", "line\u2028end", "null", "...", "-rf", "COM1", "#hash?query&x=y", "👩‍👩‍👧.txt",
];

// What holds of a page whatever it shows: nothing that people typed is an element or an attribute that acts, and
// nothing that is not seen is in it as it is.
async function unharmed(page, where) {
  const found = await page.evaluate(() => {
    const found = [];
    const all = [document.documentElement, ...document.querySelectorAll("*")];
    for (const e of all) {
      for (const a of e.attributes) {
        if (a.name.startsWith("on") || /^\s*javascript:/i.test(a.value) && ["href", "src", "action", "formaction"].includes(a.name)) found.push(e.outerHTML.slice(0, 200));
        if (/[\u202a-\u202e\u2066-\u2069\u200b]/.test(a.value) && !["value", "href"].includes(a.name) && !a.name.startsWith("data-")) found.push(`${a.name} of ${e.outerHTML.slice(0, 200)}`);
      }
    }
    for (const e of document.querySelectorAll("img[src='x'], script:not([src]), svg[onload], object, embed, base, meta[http-equiv]")) found.push(e.outerHTML.slice(0, 200));
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
      if (/[\u202a-\u202e\u2066-\u2069\u200b\u2028]/.test(walk.currentNode.data)) found.push(`the text ${JSON.stringify(walk.currentNode.data.slice(0, 100))}`);
    }
    if (/[\u202a-\u202e\u2066-\u2069\u200b]/.test(document.title)) found.push(`the title ${JSON.stringify(document.title)}`);
    const kept = { ...localStorage, ...sessionStorage };
    if ("pwned" in kept || document.cookie.includes("pwned") || window.wasPwned) found.push("a script ran");
    return found;
  });
  check(found.length === 0, `${where}: ${[...new Set(found)].slice(0, 10).join("\n")}`);
}

// visiting gives a function that goes to a place and waits until all that it asked for has come.
function visiting(page) {
  const asked = new Map();
  page.on("request", (r) => asked.set(r, Date.now()));
  for (const over of ["requestfinished", "requestfailed"]) page.on(over, (r) => asked.delete(r));
  return async (place) => {
    await page.goto("about:blank");
    asked.clear();
    await page.goto("/" + place);
    await page.getByRole("heading", { level: 1 }).first().waitFor();
    // What streams never ends.
    const quiet = () => [...asked.values()].every((at) => Date.now() - at > 3000);
    await eventually(`${place} is quiet`, async () => quiet() && (await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true)))))) && quiet());
  };
}

/** Goes to all places that links of the page lead to, to most of a kind. */
async function everywhere(page, each, most = 1) {
  const visit = visiting(page);
  const kinds = new Map();
  const places = ["#/"];
  const seen = [];
  for (let n = 0; n < places.length; n++) {
    await visit(places[n]);
    seen.push(places[n]);
    await each(places[n]);
    for (const to of await page.locator("a[href^='#/']").evaluateAll((all) => all.map((a) => a.getAttribute("href")))) {
      const kind = to.replace(/[0-9a-f]{32}/g, "ID").replace(/\?.*/, "").replace(/^(#\/(?:files|view)\/ID)\/.*/, "$1/PATH");
      const had = kinds.get(kind) ?? 0;
      if (!places.includes(to) && had < most) {
        kinds.set(kind, had + 1);
        places.push(to);
      }
    }
  }
  return seen;
}

let mal, vic, shared;

await scenario("hostile names, everywhere", async ({ context, newContext }) => {
  mal = await user(tag("mal").slice(0, 64), { admin: true });
  vic = await user(`vic ${bidi}`);
  const title = [tag(10), "e\u0301 <i>x</i>", "<b>bold</b>'\"", "javascript:pwned(11)", "t".repeat(200)]; // marks of direction are refused in titles
  for (const t of title) await folder(mal, t);
  await davit("folder", "add", bidi, "--user", mal.name); // from before they were
  shared = mal.folders[title[0]];
  const items = (item) => ({ items: [item] });
  await must(mal, "POST", "/api/files/collections/updateLabels", items({ id: shared, labels: { [tag("key").slice(0, 60)]: tag("value"), bidi } }));
  await must(mal, "POST", "/api/files/collections/updateAcl", items({ id: shared, added: [{ entity: { type: "user", username: vic.name }, permissions: ["READ", "EDIT"] }], deleted: [] }));
  await must(mal, "POST", "/api/davit/invitations", { folderId: mal.folders[title[1]], users: [vic.name], permission: "READ" });
  await must(vic, "POST", "/api/davit/invitations", { folderId: await folder(vic, `of vic ${tag(12)}`), users: [mal.name], permission: "EDIT" });
  const project = await must(mal, "POST", "/api/davit/projects", { title: `${tag(13)}${bidi}` });
  await must(mal, "POST", `/api/davit/projects/${project.id}/groups`, { title: `${tag(14)}${bidi}` });
  await folder(mal, `in a project ${tag(15)}`, { project: project.id });
  await must(mal, "POST", "/api/tokens", { title: `${tag(16)}${bidi}`, description: tag(17), requestedPermissions: [{ name: "files", action: "read" }] });
  await must(mal, "POST", "/api/davit/mounts", { folders: [{ id: shared }], title: `${tag(18)}${bidi}` });
  for (const name of fileNames) await must(mal, "PUT", davPath(`${shared}/${name}`), "<script>pwned(20)</script>");
  await must(mal, "MKCOL", davPath(`${shared}/dir ${tag(21)}`));
  await must(mal, "PUT", davPath(`${shared}/dir ${tag(21)}/${bidi}.html`), "<script>pwned(22)</script>");
  await must(mal, "LOCK", davPath(`${shared}/${tag(1)}`), `<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype><owner>${bidi}<script xmlns="http://www.w3.org/1999/xhtml">pwned(23)</script></owner></lockinfo>`);
  await must(mal, "POST", "/api/files/trash", items({ id: `/${shared}/${bidi}` }));
  await must(mal, "PUT", davPath(`${shared}/${bidi}`), "again");
  await must(mal, "DELETE", `/api/davit/folders/${mal.folders[title[2]]}`);
  // Sessions and mounts tell which program used them.
  const agent = { "User-Agent": "<svg onload=pwned(24)> \u00bb", Accept: "application/json" };
  equal((await api(null, "POST", "/auth/login", { username: mal.name, password: mal.password }, agent)).status, 200);
  await must(mal, "PROPFIND", davPath(`${shared}/`), undefined, { Depth: "0", "User-Agent": "<svg onload=pwned(25)>" });

  for (const [who, ctx] of [[mal, context], [vic, await newContext()]]) {
    await ctx.addInitScript(() => {
      window.pwned = (n) => {
        window.wasPwned = true;
        console.error(`a script of somebody's ran: ${n}`);
      };
    });
    const page = await signIn(ctx, who.name, who.password);
    let shown = 0;
    const seen = await everywhere(page, async (place) => {
      await unharmed(page, place);
      const text = await page.locator("body").innerText();
      shown += text.includes("<img src=x onerror=") ? 1 : 0;
    });
    await page.goto(`/#/files/${shared}`);
    await page.getByRole("link", { name: tag(1) }).first().waitFor();
    await unharmed(page, "the directory");
    await checkAxe(page);
    await shot(page, `hostile-${who === mal ? "mal" : "vic"}`);
    check(seen.length >= 8 && shown >= 3, `${shown} of ${seen.length} places show a hostile name: ${seen.join(" ")}`);
  }
}, { timeout: 400_000 });

// Files that a browser would run, each under a name that invites it to.
const beacon = "http://evil.invalid/";
const script = `localStorage.pwned = 1; document.cookie = "pwned=1; path=/"; window.wasPwned = top.wasPwned = 1; fetch("/pwned"); fetch("/auth/sessions"); new Image().src = "${beacon}"`;
const html = `<!doctype html><meta http-equiv="refresh" content="0;url=${beacon}"><base href="${beacon}"><link rel="stylesheet" href="${beacon}x.css"><script>${script}</script>
<img src=x onerror='${script}'><svg onload='${script}'></svg><form action="${beacon}" id="f"><input name="a" autofocus onfocus='${script}'></form><iframe src="javascript:parent.wasPwned=1"></iframe>
<a href='javascript:${script}'>Click here</a><h1>Heading of evil</h1>`;
const svg = `<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="50" height="50" onload='${script}'><script>${script}</script><image href="${beacon}y.png"/><foreignObject width="50" height="50"><body xmlns="http://www.w3.org/1999/xhtml" onload='${script}'/></foreignObject></svg>`;
const evil = {
  "page.html": html, "page.htm": html, "page.xhtml": `<html xmlns="http://www.w3.org/1999/xhtml"><head><script>${script.replaceAll("&", "&amp;")}</script></head><body/></html>`,
  "picture.svg": svg, "drawing.xml": svg, "no ending": html, "sniffed.txt": html, "sniffed.png": html, "sniffed.json": html, "sniffed.pdf": html, "sniffed.mp4": html, "sheet.csv": `a,"${html.replaceAll('"', '""')}"\n=cmd|' /C calc'!A0,2`,
  "notes.md": `# Notes\n\n${html}\n\n[a link](javascript:window.wasPwned=1) ![a picture](${beacon}z.png) <details ontoggle="${"window.wasPwned=1"}" open>x</details>\n\n\`\`\`html\n${html}\n\`\`\`\n`,
  "code.js": script, "style.css": `@import "${beacon}s.css"; body { background: url(${beacon}t.png) }`, "list.m3u8": `#EXTM3U\n${beacon}v.ts`,
};

await scenario("hostile files never run", async ({ context, newContext, requests }) => {
  const una = await user("una", { folders: ["Gifts"] });
  const id = una.folders.Gifts;
  for (const [name, body] of Object.entries(evil)) await must(una, "PUT", davPath(`${id}/${name}`), body);
  const page = await signIn(context, una.name, una.password);
  const visit = visiting(page);
  const clean = async (where) => {
    await unharmed(page, where);
    const bad = requests.filter((r) => /pwned/.test(r.path) || r.path === "/auth/sessions");
    check(bad.length === 0, `${where} asked for ${JSON.stringify(bad.map((r) => r.path))}`);
    equal((await context.cookies()).map((c) => c.name).sort(), ["csrfToken", "refreshToken"], where);
  };
  for (const name of Object.keys(evil)) {
    await visit(`#/view/${id}/${encodeURIComponent(name)}`);
    await clean(`the preview of ${name}`);
  }
  // Opened by a link that somebody sent, in the browser that is signed in to WebDAV as well.
  const link = await newContext({ httpCredentials: { username: una.name, password: una.password, origin: server } });
  const at = await signIn(link, una.name, una.password);
  for (const name of Object.keys(evil)) {
    const other = await link.newPage();
    const saved = other.waitForEvent("download", { timeout: 30_000 }).then(() => "saved", () => "");
    const shown = other.goto(server + davPath(`${id}/${name}`)).then((res) => res && "shown", (e) => (/Download is starting|ERR_ABORTED/.test(e.message) ? saved : Promise.reject(e)));
    const what = await shown;
    check(what === "shown" || what === "saved", `${name} was neither shown nor saved`);
    if (what === "shown") {
      equal(await other.evaluate(() => { try { return localStorage.length >= 0 && origin; } catch { return "none"; } }), "none", `${name} has the page's origin`);
    }
    await other.close();
    await unharmed(at, `after ${name} was opened`);
    equal((await link.cookies()).map((c) => c.name).sort(), ["csrfToken", "refreshToken"], name);
    check(!requests.some((r) => /pwned/.test(r.path)), `${name} was run`);
  }
}, { timeout: 400_000 });

await scenario("what a session asked for is neither gone on with nor shown in the next", async ({ context, requests }) => {
  const [ann, ben] = [await user("ann", { folders: ["Shared by ann"] }), await user("ben")];
  const id = ann.folders["Shared by ann"];
  await must(ann, "POST", "/api/files/collections/updateAcl", { items: [{ id, added: [{ entity: { type: "user", username: ben.name }, permissions: ["READ", "EDIT"] }], deleted: [] }] });
  const names = Array.from({ length: 30 }, (_, i) => `f${i}.txt`);
  for (const name of names) await must(ann, "PUT", davPath(`${id}/${name}`), name);
  const page = await signIn(context, ann.name, ann.password, `/#/files/${id}`);
  const menu = (of) => page.getByRole("button", { name: `Menu of ${of.name}` });
  // Somebody else takes over the browser in another tab.
  const tab = await context.newPage();
  await tab.goto("/openapi");
  const takeOver = async (who) => {
    equal((await context.request.post("/auth/login", { form: { username: who.name, password: who.password }, headers: { Accept: "application/json" } })).status(), 200);
    await tab.evaluate((user) => new BroadcastChannel("davit-session").postMessage({ what: "in", user }), who.name);
    await menu(who).waitFor();
  };

  await page.getByRole("row").filter({ hasText: "f0.txt" }).waitFor();
  await page.keyboard.press("Control+a");
  const trashed = await held(page, "**/api/files/trash");
  await page.keyboard.press("Delete");
  const goOn = await trashed();
  await takeOver(ben);
  goOn();
  await page.getByRole("row").filter({ hasText: "f29.txt" }).waitFor();
  await page.evaluate(() => new Promise((done) => setTimeout(done, 300))); // what must not come
  const asked = requests.filter((r) => r.path === "/api/files/trash").length;
  const left = (await must(ben, "GET", `/api/files/browse?path=/${id}&itemsPerPage=100`)).items.filter((f) => f.status.type === "FILE").length;
  equal([asked, left], [1, 22], "deleting asked again in the session of somebody else");
  equal(await page.locator(".toasts").innerText(), "", "and told that person");

  // A password that is made late is nobody's to see.
  await takeOver(ann);
  await page.goto("/#/account/tokens");
  await page.getByRole("button", { name: "New token" }).first().click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("textbox", { name: "Title" }).fill("late");
  const made = await held(page, "**/api/davit/tokens");
  await dialog.getByRole("button", { name: "Make the token" }).click();
  const tell = await made();
  await takeOver(ben);
  tell();
  await page.evaluate(() => new Promise((done) => setTimeout(done, 300)));
  equal(await dialog.count(), 0, "dialogs");
});

await scenario("addresses that somebody made up change nothing, and ask for nothing elsewhere", async ({ context, requests, expect }) => {
  expect(/answer 4\d\d/);
  const cara = await user("cara", { folders: ["Mine", "Other"] });
  const [id, other] = [cara.folders.Mine, cara.folders.Other];
  await must(cara, "PUT", davPath(`${other}/f.txt`), "of the other folder");
  const don = await user("don", { folders: ["Offered"] });
  await must(don, "POST", "/api/davit/invitations", { folderId: don.folders.Offered, users: [cara.name], permission: "READ" });
  const page = await signIn(context, cara.name, cara.password);
  const visit = visiting(page);
  const up = "..%2F..%2F";
  const harmless = [/^\/$/, /^\/assets\//, /^\/auth\/refresh\/web$/, /^\/favicon/];
  for (const place of [
    `view/${id}/..%2F${other}%2Ff.txt`, `view/${id}/..%2F${other}%2Fnew.txt?new=1`, `view/${id}/${up}api%2Fdavit%2Fme?new=1`, `view/..%2Fapi/x.txt?edit=1`, `view/../x`, `view/${id}/%2e%2e/x.md`,
    "files/..", `files/..%2F..`, `files/${id}/..%2F..?search=x`, "folders/..", "folders/../history", "folders/.", "mount/..", "invitations", "deleted", `mount/${id}?on=windows`, `folders/${id}?delete=1`,
    "account/tokens?make=1", "account/password", "admin/users/..", "projects/..", "projects/../groups",
  ]) {
    const before = requests.length;
    await visit(`#/${place}`);
    for (const r of requests.slice(before)) {
      const reads = r.method === "GET" || r.method === "HEAD" || r.path === "/api/files/search" || r.path === "/auth/refresh/web";
      check(reads, `${place} asks ${r.method} ${r.path}`);
      check(harmless.some((h) => h.test(r.path)) || !r.path.startsWith(`/dav/${other}`) && !/^\/(api\/?|api\/davit\/?|dav\/?)(\?|$)/.test(r.path), `${place} reads ${r.path}`);
    }
    await unharmed(page, place);
  }
  equal((await api(cara, "GET", davPath(`${other}/new.txt`))).status, 404);
  equal((await must(cara, "GET", "/api/davit/invitations")).received.length, 1);
});

await scenario("as many and as long labels as there can be", async ({ context }) => {
  const lia = await user("lia", { folders: ["Labelled", "Second", "Third"] });
  const labels = (of, n, long) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`${of} ${i} `.padEnd(long ? 256 : 1, "k"), `value ${i} `.padEnd(long ? 4096 : 1, "v")]));
  const ids = Object.values(lia.folders);
  for (const [i, id] of ids.entries()) await must(lia, "POST", "/api/files/collections/updateLabels", { items: [{ id, labels: { ...labels(`of ${i}`, 99, i === 0), all: "of them" } }] });
  const page = await signIn(context, lia.name, lia.password);
  const row = page.getByRole("row").filter({ hasText: "Labelled" });
  await row.waitFor();
  const height = async () => (await row.boundingBox()).height;
  check((await height()) < 400, `a row of ${await height()} px`);
  const choice = page.getByRole("combobox", { name: "Label", exact: true });
  const options = await choice.getByRole("option").allTextContents();
  check(options.length === 201 && options.every((o) => o.length < 200), `${options.length} labels to choose from, up to ${Math.max(...options.map((o) => o.length))} characters long`);
  await page.getByText("To choose from are the labels that most folders have.").waitFor();
  await checkAxe(page);
  await shot(page, "labels");
  await choice.selectOption({ label: "all: of them" });
  await page.getByText("3 folders").waitFor();
  await page.getByRole("searchbox", { name: "Search" }).fill("of 0 98 kkk");
  await page.getByText("1 of 3 folders").waitFor();
  await row.getByRole("button", { name: "92 more" }).click();
  equal(await row.getByRole("list", { name: "Labels" }).getByRole("listitem").count(), 100);
  await row.getByRole("link", { name: /^of 0 98 / }).click();
  await page.goto(`/#/folders/${ids[0]}`);
  await page.getByRole("button", { name: "70 more" }).waitFor();
  await checkAxe(page);
});

// A picture of so many pixels, in few bytes.
function bomb(width, height) {
  const table = Array.from({ length: 256 }, (_, n) => {
    for (let k = 0; k < 8; k++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
    return n >>> 0;
  });
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE((body.reduce((c, v) => table[(c ^ v) & 255] ^ (c >>> 8), 0xffffffff) ^ 0xffffffff) >>> 0);
    return Buffer.concat([length, body, sum]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([1, 0, 0, 0, 0], 8);
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), chunk("IHDR", head), chunk("IDAT", deflateSync(Buffer.alloc((1 + width / 8) * height))), chunk("IEND", Buffer.alloc(0))]);
}

// A document of one page that says that it has count of them, with a script and a link to one.
function pdf(count) {
  const objects = [
    "<</Type/Catalog/Pages 2 0 R/OpenAction<</S/JavaScript/JS(app.alert\\(1\\);)>>>>", `<</Type/Pages/Kids[3 0 R]/Count ${count}>>`,
    "<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Annots[<</Type/Annot/Subtype/Link/Rect[0 0 99 99]/A<</S/URI/URI(javascript:wasPwned=1)>>>>]>>",
  ];
  let text = "%PDF-1.4\n";
  const at = objects.map((o, i) => {
    const from = text.length;
    text += `${i + 1} 0 obj${o}endobj\n`;
    return from;
  });
  const table = text.length;
  return `${text}xref\n0 4\n0000000000 65535 f \n${at.map((a) => `${String(a).padStart(10, "0")} 00000 n \n`).join("")}trailer<</Size 4/Root 1 0 R>>\nstartxref\n${table}\n%%EOF`;
}

await scenario("files made to choke a browser", async ({ context, requests }) => {
  const dee = await user("dee", { folders: ["Heavy"] });
  const id = dee.folders.Heavy;
  const page = await signIn(context, dee.name, dee.password);
  await must(dee, "PUT", davPath(`${id}/bomb.png`), bomb(30000, 30000));
  const files = {
    "bomb.png": [null, () => page.getByText("30,000 × 30,000 pixels")],
    "deep.json": ["[".repeat(100_000) + "]".repeat(100_000), () => page.getByText("nested too deeply")],
    "brackets.md": ["![".repeat(1 << 19), () => page.getByText("it is shown as plain text")],
    "quotes.md": [">".repeat(10_000) + " end", () => page.getByRole("button", { name: "Source" })],
    "pictures.md": ["![p](bomb.png)\n\n".repeat(2000), () => page.getByText("too many in this document").first()],
    "wide.csv": [Array.from({ length: 10 }, (_, r) => Array.from({ length: 10_000 }, (_, c) => `r${r}c${c}`).join(",")).join("\n"), () => page.getByText("Only the first 200 of 10,000 columns")],
    "pages.pdf": [pdf(3_000_000), () => page.getByRole("group", { name: "Page 1 of 1" })],
    "line.txt": ["x".repeat(20 << 20), () => page.getByText("Shown: 1 MiB of 20 MiB")],
  };
  for (const [name, [body, seen]] of Object.entries(files)) {
    if (body !== null) await must(dee, "PUT", davPath(`${id}/${name}`), body);
    await page.goto("about:blank");
    await page.goto(`/#/view/${id}/${name}`);
    await seen().waitFor();
    await page.getByRole("button", { name: "Download" }).first().click({ trial: true }); // it answers
    await unharmed(page, name);
  }
  check(requests.filter((r) => r.path.endsWith("/bomb.png") && r.type === "fetch").length <= 201, "all pictures of a document were asked for");
});
