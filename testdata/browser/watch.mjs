// What administrators watch and put right: overview, everybody's folders, locks, mounts, the audit, the check.
import { readFile, writeFile } from "node:fs/promises";
import { between, extend, gap, keep, parse, quantile, snapshot } from "../../web/src/admin/metrics.mjs";
import { admin, api, check, checkAxe, dav, equal, eventually, folder, must, onDisk, scenario, server, shot, signIn, user } from "./harness.mjs";

const at = (section) => `/#/admin${section ? "/" + section : ""}`;
const hostile = "<img src=x onerror=alert(1)> \u200Bgnp.exe \"& =1+1";

/** The administrator at a section, whose heading is seen. */
async function open(context, section, heading) {
  const page = await signIn(context, admin.name, admin.password, at(section));
  await page.getByRole("heading", { level: 1, name: heading, exact: true }).waitFor();
  return page;
}

/** What every section has to stand: axe, and 360 px without scrolling sideways; long lists once are enough for axe. */
async function fine(page, name, { long = false } = {}) {
  await checkAxe(page);
  await shot(page, name);
  const before = page.viewportSize();
  await page.setViewportSize({ width: 360, height: 740 });
  const wide = await page.evaluate(() => {
    const found = [...document.querySelectorAll("main *")].find((e) => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".watch-scroll, .admin-nav"));
    return document.documentElement.scrollWidth > innerWidth ? `${document.documentElement.scrollWidth} px: ${found?.outerHTML.slice(0, 300)}` : "";
  });
  check(wide === "", `${name} is wider than 360 px: ${wide}`);
  if (!long) await checkAxe(page);
  await page.setViewportSize(before);
}

/** Types into the field for searching, and waits until that is what is asked for. */
async function seek(page, text) {
  await page.getByRole("searchbox").fill(text);
  await eventually(`the search for ${text}`, () => [...new URLSearchParams(page.url().split("?")[1] ?? "").values()].includes(text) || (text === "" && !/[?&](q|text|user)=/.test(page.url())));
  await settled(page);
}

/** Waits until the list is the one that was asked for last. */
const settled = (page) => eventually("the list is there", async () => (await page.locator(".watch-list[aria-busy=true]").count()) === 0);

const row = (page, text) => page.getByRole("row").filter({ hasText: text });

async function pick(page, title, action) {
  await page.getByRole("button", { name: `Actions for ${title}`, exact: true }).click();
  await page.getByRole("menuitem", { name: action, exact: true }).click();
}

await scenario("metrics are understood", async () => {
  const text = [
    "# HELP a b", "# TYPE a counter", 'davit_door_requests_total{door="webdav",class="2xx"} 7', 'davit_door_requests_total{door="page",class="2xx"} 1', "davit_sent_bytes_total 1e3",
    'odd{a="x\\"y\\\\z\\n,}",b=""} +Inf 1700000000', "not a line", "half{", "nan NaN", "",
  ].join("\n");
  equal(parse(text).map(({ name, labels }) => [name, labels]), [
    ["davit_door_requests_total", { door: "webdav", class: "2xx" }], ["davit_door_requests_total", { door: "page", class: "2xx" }], ["davit_sent_bytes_total", {}],
    ["odd", { a: 'x"y\\z\n,}', b: "" }],
  ]);
  check(parse(text)[3].value === Infinity, "infinity");
  const one = snapshot(text, 10);
  equal([one.doors, one.classes, one.sent], [{ webdav: 7, page: 1 }, { "2xx": 8 }, 1000]);

  const samples = (webdav, failed, sent, buckets) =>
    snapshot(
      `davit_door_requests_total{door="webdav",class="2xx"} ${webdav}\ndavit_requests_total{method="GET",status="200"} ${webdav}\ndavit_requests_total{method="GET",status="500"} ${failed}\n` +
        `davit_requests_total{method="PUT",status="507"} 2\ndavit_sent_bytes_total ${sent}\ndavit_stored_bytes 5\n` +
        Object.entries(buckets).map(([le, n]) => `davit_request_duration_seconds_bucket{method="GET",le="${le}"} ${n}\n`).join(""),
      0,
    );
  const first = { ...samples(10, 0, 100, { 0.1: 10, 1: 10, "+Inf": 10 }), at: 0 };
  const second = { ...samples(30, 1, 300, { 0.1: 20, 1: 30, "+Inf": 30 }), at: 10 };
  const rates = between(first, second);
  equal([rates.doors.webdav, rates.sent, rates.failed, rates.full, rates.requests, rates.stored], [2, 20, 1, 0, 21, 5]);
  equal([rates.p50, Math.round(rates.p95 * 1000) / 1000], [0.1, 0.91]);
  // A restart begins at 0: what is there since counts, and nothing is negative.
  const third = { ...samples(4, 0, 40, { 0.1: 4, 1: 4, "+Inf": 4 }), at: 20 };
  const anew = between(second, third);
  equal([anew.doors.webdav, anew.sent, anew.failed], [0.4, 4, 0]);
  equal([quantile({}, 0.5), quantile({ 1: 0, "+Inf": 0 }, 0.5), quantile({ 1: 0, "+Inf": 5 }, 0.5), quantile({ 1: 4, 3: 4, "+Inf": 4 }, 1)], [null, null, 1, 1]);

  let history = { last: undefined, points: [] };
  for (const s of [first, second, third]) history = extend(history, s);
  equal(history.points.map((p) => p.at), [10, 20]);
  check(extend(history, { ...third, at: 20.4 }) === history, "what is too close is passed over");
  history = extend(history, { ...third, at: 20 + gap + 1 });
  check(history.points.at(-1).gap === true, "a time in which nobody looked is a gap");
  check(extend(history, { ...third, at: 5 }) === history, "what comes late is passed over");
  history = extend(history, { ...third, at: 10 + keep + 5 });
  equal(history.points.map((p) => p.at), [20, 51, 915], "15 minutes are kept");
});

await scenario("the overview shows what goes on", async ({ context }) => {
  const ann = await user("ann-watch", { folders: ["measured", hostile.slice(0, 40)] });
  await must(admin, "PATCH", `/api/davit/folders/${ann.folders.measured}`, { limits: { maxBytes: 300_000 } });
  const page = await open(context, "", "Overview");
  const doors = page.getByRole("figure", { name: "Requests by interface" });
  await doors.locator("canvas").first().waitFor();
  await page.getByRole("listitem").filter({ hasText: "There is one administrator only" }).waitFor();
  // A few hundred requests: the most that the chart tells rises to what they make.
  const most = async () => Number((/WebDAV: now [\d.,e+-]+\/s, at most ([\d.,e+-]+)\/s/.exec(await doors.innerText()) ?? [0, "0"])[1].replaceAll(",", ""));
  const before = await most();
  for (let round = 0; round < 8; round++) {
    await Promise.all(Array.from({ length: 40 }, (_, i) => must(ann, "PUT", `/dav/${ann.folders.measured}/${round}-${i}.txt`, "x".repeat(900))));
  }
  await eventually("WebDAV requests in the chart", async () => (await most()) > Math.max(before, 10));
  const stored = page.getByRole("figure", { name: "Storage used" });
  await eventually("stored bytes in the chart", async () => /now 28\d(\.\d)? KiB/.test(await stored.innerText()));
  const moved = page.getByRole("figure", { name: "Bytes in and out" });
  await eventually("bytes in the chart", async () => /In: now .* at most [\d.]+ KiB\/s/.test(await moved.innerText()));
  // The numbers are there without the picture.
  await doors.getByText("As a table").click();
  await doors.getByRole("table", { name: "Requests by interface" }).getByRole("columnheader", { name: "WebDAV" }).waitFor();
  check((await doors.getByRole("rowheader").count()) > 1, "the table has a row for each measurement");
  // A request that fits in no more is an error that is told, and a full folder a matter.
  equal((await dav(ann, "PUT", `${ann.folders.measured}/big`, "x".repeat(50_000))).status, 507);
  await eventually("refusals in the chart", async () => /No space \(507\): now .* at most 0?\.?\d*[1-9]/.test(await page.getByRole("figure", { name: "Errors" }).innerText()));
  await must(ann, "PUT", `/dav/${ann.folders.measured}/rest`, "x".repeat(300_000 - 8 * 40 * 900));
  await page.getByRole("button", { name: "Refresh" }).click();
  await eventually("the full folder", async () => {
    await page.getByRole("button", { name: "Refresh" }).click();
    return page.getByRole("listitem").filter({ hasText: "1 folder is full" }).isVisible();
  });
  await page.getByRole("region", { name: "Nearest to their limits" }).getByRole("link", { name: "measured" }).waitFor();
  await page.getByText("Ready for requests").locator("xpath=..").getByText("yes", { exact: true }).waitFor();
  await fine(page, "overview");
  await page.evaluate(() => scrollTo(0, document.querySelector("#charts").getBoundingClientRect().top));
  await shot(page, "charts");
  // The history stays while one looks elsewhere in the page.
  const points = await doors.getByRole("rowheader").count();
  await page.getByRole("navigation", { name: "Administration" }).getByRole("link", { name: "Locks" }).click();
  await page.getByRole("heading", { level: 1, name: "Locks" }).waitFor();
  await page.getByRole("navigation", { name: "Administration" }).getByRole("link", { name: "Overview" }).click();
  await doors.getByText("As a table").click();
  await doors.getByRole("rowheader").nth(points - 1).waitFor(); // the measurements are kept
  // To the folders that are full.
  await page.getByRole("link", { name: "Full folders" }).click();
  await row(page, "measured").waitFor();
  check((await page.getByRole("row").count()) === 2, "one folder is full");
});

await scenario("folders of everybody", async ({ context, faults }) => {
  const bob = await user("bob-watch", { limits: { maxFolders: null } });
  const cleo = await user("cleo-watch");
  for (let i = 0; i < 55; i++) await folder(bob, `many ${String(i).padStart(2, "0")}`);
  const odd = await folder(bob, hostile);
  const plans = await folder(bob, "plans");
  await must(bob, "PUT", `/dav/${plans}/a.txt`, "12345");
  const page = await open(context, "folders", "Folders");
  // Search, pages, order.
  await seek(page, "bob-watch");
  await page.getByText("50 folders on this page").waitFor();
  await page.getByRole("button", { name: "Next", exact: true }).click();
  await page.getByText("7 folders on this page").waitFor();
  await row(page, "plans").waitFor();
  await page.getByRole("button", { name: "Previous", exact: true }).click();
  await page.getByText("50 folders on this page").waitFor();
  await page.getByRole("button", { name: "Size" }).click(); // smallest first
  await page.getByRole("button", { name: "Size" }).click();
  await eventually("the largest is first", async () => (await page.getByRole("row").nth(1).innerText()).includes("plans"));
  check(page.url().includes("sort=bytes"), "the address keeps the order");
  await seek(page, "onerror");
  await row(page, "=1+1").getByText("U+200B").waitFor();
  check((await row(page, "=1+1").locator("img").count()) === 0, "a title is text");
  await seek(page, plans);
  await row(page, "plans").waitFor();
  // A file that came past the server is found by a count.
  await writeFile(onDisk(`${plans}/by-hand`), "1234567");
  await pick(page, "plans", "Count again");
  await page.getByText("plans was counted: 12 B in 2 files; before, 5 B in 1 files.").waitFor();
  equal((await must(admin, "GET", `/api/davit/folders/${plans}`)).usage.bytes, 12);
  // Who uses it.
  await pick(page, "plans", "Who uses it");
  await page.getByRole("dialog").getByRole("link", { name: "bob-watch" }).waitFor();
  await checkAxe(page);
  await page.keyboard.press("Escape");
  // Limits.
  await pick(page, "plans", "Change limits");
  const limits = page.getByRole("dialog");
  await limits.getByLabel("Limit: Size").selectOption("own");
  await limits.getByLabel("Largest size").fill("lots");
  await limits.getByRole("button", { name: "Save" }).click();
  await limits.getByText("This is no size. Write it such as 10 GiB.").waitFor();
  await checkAxe(page);
  await shot(page, "limits");
  await limits.getByLabel("Largest size").fill("20 MiB");
  await limits.getByLabel("Limit: Number of files").selectOption("none");
  await limits.getByRole("button", { name: "Save" }).click();
  await row(page, "12 B of 20 MiB").waitFor();
  equal((await must(admin, "GET", `/api/davit/folders/${plans}`)).limits, { maxBytes: 20 * 1024 * 1024, maxFiles: null });
  // What is not changed stays to the byte.
  await must(admin, "PATCH", `/api/davit/folders/${plans}`, { limits: { maxBytes: 20_000_001 } });
  await page.getByRole("button", { name: "Refresh" }).click();
  await row(page, "12 B of 19.1 MiB").waitFor();
  await pick(page, "plans", "Change limits");
  await limits.getByLabel("Limit: Number of files").selectOption("default");
  await limits.getByRole("button", { name: "Save" }).click();
  await limits.waitFor({ state: "hidden" });
  equal((await must(admin, "GET", `/api/davit/folders/${plans}`)).limits, { maxBytes: 20_000_001, maxFiles: "default" });
  await must(admin, "PATCH", `/api/davit/folders/${plans}`, { limits: { maxBytes: 20 * 1024 * 1024, maxFiles: null } });
  // Another owner.
  await pick(page, "plans", "Give to another");
  const give = page.getByRole("dialog");
  await give.getByLabel("Name of the user").fill("nobody-at-all");
  await give.getByRole("button", { name: "Give", exact: true }).click();
  await give.getByRole("alert").waitFor();
  await give.getByLabel("Name of the user").fill("cleo-watch");
  await give.getByRole("button", { name: "Give", exact: true }).click();
  await row(page, "cleo-watch").waitFor();
  equal((await dav(cleo, "GET", `${plans}/a.txt`)).text, "12345");
  equal((await dav(bob, "GET", `${plans}/a.txt`)).status, 404);
  // Deleted, brought back by Undo, deleted and restored from the list, and deleted for good.
  await pick(page, "plans", "Delete");
  await page.getByRole("dialog").getByRole("button", { name: "Delete", exact: true }).click();
  await eventually("it is gone", async () => (await dav(cleo, "GET", `${plans}/a.txt`)).status === 404);
  await page.getByRole("button", { name: "Undo" }).click();
  await eventually("it is back", async () => (await dav(cleo, "GET", `${plans}/a.txt`)).status === 200);
  await row(page, "plans").waitFor();
  await pick(page, "plans", "Delete");
  await page.getByRole("dialog").getByRole("button", { name: "Delete", exact: true }).click();
  await page.getByText("No folder is like that").waitFor();
  await page.getByLabel("Show").selectOption("deleted");
  await row(page, "can be restored until").waitFor();
  await fine(page, "deleted");
  await page.getByRole("button", { name: "Restore plans" }).click();
  await eventually("it is back again", async () => (await dav(cleo, "GET", `${plans}/a.txt`)).status === 200);
  await page.getByLabel("Show").selectOption("living");
  await pick(page, "plans", "Delete");
  const last = page.getByRole("dialog");
  await last.getByLabel("Delete it for good, now").check();
  check(await last.getByRole("button", { name: "Delete for good" }).isDisabled(), "for good asks for the title");
  await last.getByLabel("Type plans to confirm").fill("plans");
  await checkAxe(page);
  await shot(page, "delete");
  await last.getByRole("button", { name: "Delete for good" }).click();
  await page.getByText("plans is gone for good.").waitFor();
  equal((await api(admin, "GET", `/api/davit/folders/${plans}`)).status, 404);
  equal((await api(cleo, "POST", `/api/davit/folders/${plans}/restore`)).status, 404);
  // All of them, narrow and wide.
  await seek(page, "");
  await page.getByText("50 folders on this page").waitFor();
  await fine(page, "folders", { long: true });
  await seek(page, odd);
  await row(page, "U+200B").waitFor();
  await fine(page, "hostile-folder");
  equal(faults, []);
});

const lockBody = (owner) => `<?xml version="1.0"?><lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype><owner>${owner}</owner></lockinfo>`;

await scenario("locks are seen and removed", async ({ context }) => {
  const dora = await user("dora-watch", { folders: ["drafts"] });
  const id = dora.folders.drafts;
  const page = await open(context, "locks", "Locks");
  await page.getByText("Nothing is locked").waitFor();
  await fine(page, "no-locks");
  await must(dora, "PUT", `/dav/${id}/letter.odt`, "one");
  const lock = (name, owner) => must(dora, "LOCK", `/dav/${id}/${encodeURIComponent(name)}`, lockBody(owner), { Timeout: "Second-600", Depth: "0" });
  await lock("letter.odt", "<href>mailto:dora@example.org</href> &lt;script&gt;alert(1)&lt;/script&gt; \u202Eevil");
  await lock(hostile.replaceAll("/", "_"), "Office");
  // They come by themselves.
  const letter = row(page, "letter.odt");
  await letter.waitFor();
  await letter.getByText("mailto:dora@example.org <script>alert(1)</script>").waitFor();
  await letter.getByText("U+202E").waitFor();
  await letter.getByText("alone, only this").waitFor();
  equal((await dav(dora, "PUT", `${id}/letter.odt`, "two")).status, 423);
  await fine(page, "locks");
  await seek(page, "office");
  await letter.waitFor({ state: "hidden" });
  await row(page, "onerror").waitFor();
  await seek(page, "letter");
  await letter.waitFor();
  await letter.getByRole("button", { name: "Remove the lock of dora-watch on letter.odt" }).click();
  const dialog = page.getByRole("dialog", { name: "Remove this lock?" });
  await dialog.getByText("The program that holds it learns of this when it saves").waitFor();
  await checkAxe(page);
  await shot(page, "lock-removal");
  await dialog.getByRole("button", { name: "Cancel" }).click();
  equal((await dav(dora, "PUT", `${id}/letter.odt`, "two")).status, 423, "not yet");
  await letter.getByRole("button", { name: "Remove the lock" }).click();
  await dialog.getByRole("button", { name: "Remove", exact: true }).click();
  await page.getByText("No lock is like that").waitFor();
  equal((await dav(dora, "PUT", `${id}/letter.odt`, "two")).status, 204);
  equal((await must(admin, "GET", "/api/davit/locks")).items.length, 1);
});

await scenario("mounts are seen and revoked", async ({ context }) => {
  const emil = await user("emil-watch", { folders: ["data", "more"] });
  const made = await must(emil, "POST", "/api/davit/mounts", { folders: [{ id: emil.folders.data }, { id: emil.folders.more, readOnly: true }], title: "kernel 7 <b>", lifetime: "12h" });
  const mount = { name: emil.name, password: made.token };
  await must(mount, "PUT", `/dav/${emil.folders.data}/x`, "1", { "User-Agent": "davfs2/1.7.0 <i>" });
  const page = await open(context, "mounts", "Mounts");
  const line = page.getByRole("table", { name: "Valid mounts" }).getByRole("row").filter({ hasText: "kernel 7 <b>" });
  await line.waitFor();
  await line.getByText("in use").waitFor();
  await line.getByText("read and write").waitFor();
  const used = page.getByRole("table", { name: "In use now" }).getByRole("row").filter({ hasText: "davfs2 (Linux)" });
  await used.getByText("127.0.0.1").waitFor();
  await used.getByRole("link", { name: "data" }).waitFor();
  await fine(page, "mounts");
  await seek(page, "admin");
  await page.getByText("This user has no valid mounts").waitFor();
  await seek(page, "emil-watch");
  await line.waitFor();
  await line.getByRole("button", { name: "Revoke the mount kernel 7 <b> of emil-watch" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("It is in use.").waitFor();
  await checkAxe(page);
  equal((await dav(mount, "GET", `${emil.folders.data}/x`)).status, 200);
  await dialog.getByRole("button", { name: "Revoke", exact: true }).click();
  await page.getByText("This user has no valid mounts").waitFor();
  await eventually("the mount is refused", async () => (await dav(mount, "GET", `${emil.folders.data}/x`)).status === 401);
  equal((await dav(emil, "GET", `${emil.folders.data}/x`)).text, "1");
});

await scenario("the audit tells who did what", async ({ context, faults }) => {
  const fay = await user("fay-watch");
  await user("=SUM(A1) fay");
  for (const title of ["first", hostile]) await folder(fay, title);
  await must(fay, "DELETE", `/api/davit/folders/${fay.folders.first}`);
  for (let i = 0; i < 60; i++) await must(admin, "PATCH", `/api/davit/folders/${fay.folders[hostile]}`, { limits: { maxFiles: 100 + i } });
  const page = await open(context, "audit", "Audit");
  const entries = page.getByRole("list", { name: "Audit" }).locator(":scope > li");
  await entries.first().waitFor();
  await fine(page, "audit", { long: true });
  // By whom.
  const by = page.getByLabel("User (name)");
  await by.fill("fay-watch");
  await by.press("Enter");
  await eventually("three entries", async () => (await entries.count()) === 3);
  equal((await entries.nth(0).locator("p").first().innerText()).trim(), "fay-watch deleted the folder first");
  check((await entries.nth(1).innerText()).includes("made the folder <img src=x onerror=alert(1)>"), await entries.nth(1).innerText());
  check((await entries.nth(1).locator("img").count()) === 0 && (await entries.nth(1).getByText("U+200B").count()) > 0, "a title is text");
  await entries.nth(0).getByText("Details").click();
  await entries.nth(0).getByText("folder.delete").waitFor();
  await checkAxe(page);
  // What, and the address keeps it.
  await page.getByLabel("What", { exact: true }).selectOption("folder.");
  await page.getByLabel("By way of").selectOption("davit");
  await eventually("one entry", async () => (await entries.count()) === 1);
  await page.reload();
  await eventually("still one entry", async () => (await entries.count()) === 1);
  await page.getByRole("button", { name: "Clear the filters" }).click();
  // By text, in pages, all of them.
  await seek(page, fay.folders[hostile]);
  await page.getByText("50 entries so far").waitFor();
  await page.getByRole("button", { name: "Older entries" }).click();
  await page.getByText("61 entries, which is all").waitFor();
  equal(await entries.count(), 61);
  // By time.
  await page.getByLabel("To", { exact: true }).fill("2020-01-01");
  await page.getByText("Nothing was done that is like this").waitFor();
  await page.getByRole("button", { name: "Clear the filters" }).click();
  await seek(page, "sum(a1)");
  await eventually("one entry", async () => (await entries.count()) === 1);
  // Both exports, of what is chosen.
  const take = async (name) => {
    await page.getByRole("button", { name: "Export" }).click();
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("menuitem", { name }).click()]);
    return [download.suggestedFilename(), await readFile(await download.path(), "utf8")];
  };
  const [csvName, csv] = await take("As a table (CSV)");
  check(/^davit-audit-\d{4}-\d\d-\d\d\.csv$/.test(csvName), csvName);
  equal(csv.trimEnd().split("\r\n").length, 2);
  check(csv.includes(",'=SUM(A1) fay,"), `no formula: ${csv}`);
  const [, lines] = await take("As JSON lines");
  equal(lines.trimEnd().split("\n").map((l) => JSON.parse(l).subject), ["=SUM(A1) fay"]);
  // The folder of an entry is in the list of folders.
  await seek(page, fay.folders[hostile]);
  await entries.first().getByRole("link", { name: "onerror" }).click();
  await page.getByRole("heading", { level: 1, name: "Folders" }).waitFor();
  await row(page, "U+200B").waitFor();
  equal(faults, []);
});

await scenario("the check finds what differs", async ({ context }) => {
  const gus = await user("gus-watch", { folders: ["counted"] });
  const id = gus.folders.counted;
  await must(gus, "PUT", `/dav/${id}/a`, "123");
  await eventually("it is in the database", async () => (await must(admin, "GET", `/api/davit/folders?query=${id}`)).items[0].usage.bytes === 3);
  const page = await open(context, "check", "Check");
  await page.getByText("No check since the server started").waitFor();
  await fine(page, "no-check");
  await writeFile(onDisk(`${id}/by-hand`), "1234567");
  await page.getByRole("button", { name: "Check now" }).click();
  const finding = page.getByRole("table", { name: "What differs" }).getByRole("row").filter({ hasText: "counted" });
  await finding.waitFor({ timeout: 60_000 });
  await finding.getByText("On the disk: 10 B, files: 2. Counted: 3 B, files: 1.").waitFor();
  await page.getByRole("table", { name: "Checks before" }).getByText("1 difference", { exact: true }).waitFor();
  await fine(page, "check");
  // The overview tells of it and leads back.
  await page.goto(at(""));
  await page.getByRole("listitem").filter({ hasText: "The last check found 1 difference" }).getByRole("link", { name: "To the check" }).click();
  // All at once.
  await page.getByRole("button", { name: "Count again what differs" }).click();
  await page.getByText("1 difference was found and put right.").waitFor({ timeout: 60_000 });
  equal((await must(admin, "GET", `/api/davit/folders/${id}`)).usage.bytes, 10);
  // One by itself.
  await writeFile(onDisk(`${id}/more`), "x");
  await page.getByRole("button", { name: "Check now" }).click();
  await finding.getByRole("button", { name: "Count again" }).waitFor({ timeout: 60_000 });
  await finding.getByRole("button", { name: "Count again" }).click();
  await finding.getByText("put right").waitFor();
  equal((await must(admin, "GET", `/api/davit/folders/${id}`)).usage.bytes, 11);
  const ended = (await must(admin, "GET", "/api/davit/audit?action=check.")).items;
  equal(ended.map((e) => [e.user, e.detail.differences, e.detail.repaired]), [["admin", 1, 0], ["admin", 1, 1], ["admin", 1, 0]]);
}, { timeout: 150_000 });

await scenario("others are told that this is for administrators", async ({ context }) => {
  const hal = await user("hal-watch", { folders: ["own"] });
  const page = await signIn(context, hal.name, hal.password, at(""));
  for (const section of ["", "folders", "locks", "mounts", "audit", "check"]) {
    await page.goto(at(section));
    await page.getByText("This is for administrators").waitFor();
  }
  await checkAxe(page);
  for (const path of [
    "/metrics", "/api/davit/status", "/api/davit/check", "/api/davit/locks", "/api/davit/mounts?all=true", "/api/davit/mounts/active", "/api/davit/audit", "/api/davit/audit/export?format=csv",
    "/api/davit/folders?sortBy=bytes", "/api/davit/folders?state=full",
  ]) {
    equal((await api(hal, "GET", path)).status, 403, path);
  }
  equal((await api(hal, "POST", "/api/davit/check", {})).status, 403);
  equal((await api(hal, "PATCH", `/api/davit/folders/${hal.folders.own}`, { limits: { maxBytes: null } })).status, 403);
  equal((await api(hal, "POST", `/api/davit/folders/${hal.folders.own}/owner`, { user: "admin" })).status, 403);
  check(server.startsWith("http"), "the server has an address");
});
