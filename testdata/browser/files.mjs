// Files in folders: looking at them, and everything that can be done with them.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { api, check, checkAxe, dav, davit, drop, equal, eventually, held, must, onDisk, scenario, shot, signIn, startServer, stopServer, user } from "./harness.mjs";

const at = (id, ...steps) => `/#/files/${[id, ...steps].map(encodeURIComponent).join("/")}`;
const escaped = (path) => "/dav/" + path.split("/").map(encodeURIComponent).join("/");
const put = (who, path, content = "") => must(who, "PUT", escaped(path), content);
const mkcol = (who, path) => must(who, "MKCOL", escaped(path));
const there = async (who, path) => (await dav(who, "PROPFIND", path, undefined, { Depth: "0" })).status === 207;
const content = async (who, path) => {
  const res = await dav(who, "GET", path);
  return res.status === 200 ? res.text : res.status;
};
const share = (owner, id, other, permissions) =>
  must(owner, "POST", "/api/files/collections/updateAcl", { items: [{ id, added: [{ entity: { type: "user", username: other.name }, permissions }], deleted: [] }] });
const lock = async (who, path) => {
  const res = await dav(who, "LOCK", path, `<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype><owner>an editor</owner></lockinfo>`);
  check(res.status === 200, `LOCK: ${res.status} ${res.text}`);
  return res.headers.get("Lock-Token");
};

const grid = (page) => page.getByRole("grid");
/** The row of a name. */
const row = (page, name) => page.getByRole("row").filter({ has: page.getByRole("link", { name, exact: true }) });
const open = (page, name) => row(page, name).getByRole("link").click();
const shown = (page) => page.locator(".grid-rows .entry-link").allTextContents();
const inOrder = (page, want, what) => eventually(`${what}: ${want}`, async () => JSON.stringify(await shown(page)) === JSON.stringify(want));
const item = (page, name) => page.getByRole("menuitem", { name });
const says = (page, text) => page.getByRole("region", { name: "Messages" }).getByText(text).last().waitFor();
/** Clicks on a row beside its name. */
const pick = (page, name, options = {}) => row(page, name).getByRole("gridcell").nth(3).click(options);
/** Asks for the menu of a row and takes an item of it. */
const choose = async (page, name, what) => {
  await row(page, name).click({ button: "right" });
  await item(page, what).click();
};
const selected = (page) => page.locator('.grid-rows [aria-selected="true"] .entry-link').allTextContents();
const dialog = (page) => page.getByRole("dialog").last();
const button = (where, name) => where.getByRole("button", { name, exact: true });

await scenario("shows a directory, sorts and filters it", async ({ context }) => {
  const ann = await user("ann", { folders: ["Data"] });
  const id = ann.folders.Data;
  await mkcol(ann, `${id}/reports`);
  await mkcol(ann, `${id}/Photos`);
  await put(ann, `${id}/note 10.txt`, "ten");
  await put(ann, `${id}/note 2.txt`, "2");
  await put(ann, `${id}/big.zip`, "z".repeat(5000));
  await put(ann, `${id}/.hidden`, "h");
  await put(ann, `${id}/reports/summer.pdf`, "p");
  const page = await signIn(context, ann.name, ann.password, at(id));
  await row(page, "big.zip").waitFor();
  await inOrder(page, ["Photos", "reports", "big.zip", "note 2.txt", "note 10.txt"], "by name, as people sort");
  await page.getByText("5 entries, 1 hidden").waitFor();
  await page.getByText("4.9 KiB of 1 GiB").waitFor();
  await shot(page, "browse");
  await checkAxe(page);

  await page.getByRole("columnheader", { name: "Size" }).getByRole("button").click();
  await inOrder(page, ["Photos", "reports", "big.zip", "note 10.txt", "note 2.txt"], "the largest first");
  check((await page.getByRole("columnheader", { name: "Size" }).getAttribute("aria-sort")) === "descending", "aria-sort");
  await page.reload();
  await inOrder(page, ["Photos", "reports", "big.zip", "note 10.txt", "note 2.txt"], "the order is remembered");
  await page.getByRole("columnheader", { name: "Name" }).getByRole("button").click();
  await page.getByRole("columnheader", { name: "Name" }).getByRole("button").click();
  await inOrder(page, ["reports", "Photos", "note 10.txt", "note 2.txt", "big.zip"], "backwards, directories first");
  await page.getByRole("columnheader", { name: "Name" }).getByRole("button").click();

  const view = button(page, "View and more");
  await view.click();
  await item(page, "Show hidden files").click();
  await inOrder(page, ["Photos", "reports", ".hidden", "big.zip", "note 2.txt", "note 10.txt"], "with hidden ones");

  const field = page.getByRole("searchbox", { name: "Filter this list" });
  await field.fill("NOTE 1");
  await inOrder(page, ["note 10.txt"], "filtered");
  await page.getByText("1 of 6 entries").waitFor();
  await field.fill("summer");
  await page.getByText("No name matches").waitFor();
  await shot(page, "filter");
  await checkAxe(page);
  // Enter looks further down; what is found leads to its place.
  await field.press("Enter");
  await row(page, "summer.pdf").getByRole("gridcell", { name: "reports", exact: true }).waitFor();
  await page.getByRole("heading", { name: "summer in Data" }).waitFor();
  await shot(page, "search");
  await checkAxe(page);
  await choose(page, "summer.pdf", "Show in its place");
  await page.getByRole("heading", { name: "reports", level: 1 }).waitFor();
  await eventually("what was found is selected", async () => (await selected(page)).join() === "summer.pdf");
  await page.goBack();
  await page.getByRole("heading", { name: "summer in Data" }).waitFor();
  await page.getByRole("navigation", { name: "Where this is" }).getByRole("link", { name: "Data" }).click();
  await row(page, "big.zip").waitFor();

  // A click on the name opens; the way above leads back, to where one came from.
  await open(page, "reports");
  await row(page, "summer.pdf").waitFor();
  check(page.url().endsWith(`#/files/${id}/reports`), page.url());
  await page.getByRole("navigation", { name: "Where this is" }).getByRole("link", { name: "Data" }).click();
  await eventually("where one came from is selected", async () => (await selected(page)).join() === "reports");
  await row(page, "reports").getByRole("gridcell").nth(3).dblclick();
  await row(page, "summer.pdf").waitFor();
  await open(page, "summer.pdf");
  await page.waitForURL(`**/#/view/${id}/reports/summer.pdf`);
});

await scenario("is driven by the keyboard", async ({ context }) => {
  const bob = await user("bob", { folders: ["Keys"] });
  const id = bob.folders.Keys;
  await mkcol(bob, `${id}/dir`);
  for (const n of ["alpha.txt", "beta.txt", "beet.txt", "gamma.txt", "zeta.txt"]) await put(bob, `${id}/${n}`, n);
  const page = await signIn(context, bob.name, bob.password, at(id));
  await row(page, "alpha.txt").waitFor();
  await eventually("the list has the focus", () => grid(page).evaluate((el) => el === document.activeElement));
  const keys = async (...all) => {
    for (const k of all) await page.keyboard.press(k);
  };
  const picked = (want, what) => eventually(`${what}: ${want}`, async () => (await selected(page)).join() === want);
  const active = async () => page.locator(`[id="${await grid(page).getAttribute("aria-activedescendant")}"] .entry-link`).textContent();

  equal([await active(), await grid(page).locator(".active").evaluate((el) => getComputedStyle(el).outlineStyle)], ["dir", "solid"], "where the focus is shown");
  await keys("ArrowDown");
  await picked("dir", "the first");
  await keys("End");
  await picked("zeta.txt", "the last");
  await keys("Shift+ArrowUp", "Shift+ArrowUp");
  await picked("beta.txt,gamma.txt,zeta.txt", "a range");
  await keys("Home", "Control+ArrowDown", "Control+ArrowDown", "Control+Space");
  await picked("dir,beet.txt", "one more, by Ctrl and Space");
  equal(await active(), "beet.txt");
  await keys("Control+a");
  await picked("dir,alpha.txt,beet.txt,beta.txt,gamma.txt,zeta.txt", "all");
  await page.getByText("6 selected, ").waitFor();
  await keys("Escape");
  await picked("", "none");
  await keys("g");
  await picked("gamma.txt", "a letter");
  await keys("Home", "b", "e", "t");
  await picked("beta.txt", "letters");
  await keys("Home", "b");
  await picked("beet.txt", "one letter");
  await keys("b");
  await picked("beta.txt", "the same letter goes on");
  await keys("ArrowUp");
  await picked("beet.txt", "up");

  await keys("F2");
  const name = page.getByRole("textbox", { name: "New name" });
  equal(await name.evaluate((el) => el.value.slice(el.selectionStart, el.selectionEnd)), "beet", "the name without its extension is selected");
  await page.keyboard.type("red");
  await keys("Enter");
  await row(page, "red.txt").waitFor();
  equal(await content(bob, `${id}/red.txt`), "beet.txt");
  equal(await content(bob, `${id}/beet.txt`), 404);
  await picked("red.txt", "what was renamed");
  await keys("F2");
  await name.fill("alpha.txt");
  await keys("Enter");
  await page.getByRole("alert").getByText("There is something of this name already").waitFor();
  await shot(page, "rename");
  await checkAxe(page);
  await name.fill("a/b");
  await keys("Enter");
  await page.getByRole("alert").getByText("can't have / or").waitFor();
  await keys("Escape");
  await row(page, "red.txt").waitFor();
  await eventually("the list has the focus again", () => grid(page).evaluate((el) => el === document.activeElement));

  // Cut here, paste there.
  await keys("Control+x");
  await says(page, "1 entry is cut");
  await keys("Home", "Enter");
  await page.getByRole("heading", { name: "dir", level: 1 }).waitFor();
  await page.getByText("This folder is empty").waitFor();
  await keys("Control+v");
  await row(page, "red.txt").waitFor();
  equal(await content(bob, `${id}/dir/red.txt`), "beet.txt");
  // A copy beside what it is of gets a name of its own.
  await picked("red.txt", "what was pasted");
  await keys("Control+c", "Control+v");
  await row(page, "red(1).txt").waitFor();
  await keys("Backspace");
  await page.getByRole("heading", { name: "Keys", level: 1 }).waitFor();
  await picked("dir", "where one came from");
  check(!(await there(bob, `${id}/red.txt`)), "what was cut is still there");

  await keys("ArrowDown", "Delete");
  await says(page, "Moved alpha.txt to the trash");
  await row(page, "alpha.txt").waitFor({ state: "detached" });
  equal(await content(bob, `${id}/Trash/alpha.txt`), "alpha.txt");
  await button(page, "Undo").last().click();
  await row(page, "alpha.txt").waitFor();
  equal(await content(bob, `${id}/alpha.txt`), "alpha.txt");
  await picked("alpha.txt", "what came back");
  await grid(page).focus();
  await keys("Shift+Delete");
  await dialog(page).getByText("This can't be undone").waitFor();
  await checkAxe(page);
  await button(dialog(page), "Delete for good").press("Enter");
  await says(page, "Deleted alpha.txt");
  await eventually("alpha.txt is gone", async () => !(await there(bob, `${id}/alpha.txt`)) && !(await there(bob, `${id}/Trash/alpha.txt`)));

  await row(page, "alpha.txt").waitFor({ state: "detached" });
  await grid(page).focus();
  await keys("/");
  await page.keyboard.type("zeta");
  await inOrder(page, ["zeta.txt"], "the filter has the focus");
  await keys("Escape");
  await row(page, "beta.txt").waitFor();
  await keys("?");
  await page.getByRole("dialog", { name: "Keys in the list of files" }).waitFor();
  await shot(page, "keys");
  await checkAxe(page);
  await keys("Escape");
  await eventually("the list has the focus after the dialog", () => grid(page).evaluate((el) => el === document.activeElement));
  await keys("Home", "Shift+F10");
  await item(page, "Rename").waitFor();
  await checkAxe(page);
  await keys("Escape");
  await eventually("the list has the focus after the menu", () => grid(page).evaluate((el) => el === document.activeElement));
  await keys("Alt+Enter");
  await page.getByRole("dialog", { name: "dir" }).getByText("2 files, 0 folders").waitFor();
  await keys("Escape");
  await eventually("the list has the focus after the dialog", () => grid(page).evaluate((el) => el === document.activeElement));
  await keys("Alt+ArrowUp");
  await page.waitForURL("**/#/");
});

await scenario("makes directories and text files", async ({ context, requests }) => {
  const cas = await user("cas", { folders: ["New"] });
  const id = cas.folders.New;
  const page = await signIn(context, cas.name, cas.password, at(id));
  await page.getByText("This folder is empty").waitFor();
  await shot(page, "empty");
  await checkAxe(page);
  await button(page, "New").click();
  await item(page, "New folder").click();
  const name = dialog(page).getByRole("textbox", { name: "Name of the folder" });
  await name.fill("a/b");
  await button(dialog(page), "Create").click();
  await dialog(page).getByText("can't have / or").waitFor();
  await shot(page, "new");
  await checkAxe(page);
  await name.fill("Plans");
  await button(dialog(page), "Create").click();
  await row(page, "Plans").waitFor();
  check((await readdir(onDisk(id))).includes("Plans"), "it is not on the disk");
  await button(page, "Clear the selection").click();
  await button(page, "New").click();
  await item(page, "New folder").click();
  await name.fill("Plans");
  await button(dialog(page), "Create").click();
  await dialog(page).getByText("There is something of this name already").waitFor();
  await button(dialog(page), "Cancel").click();
  await button(page, "New").click();
  await item(page, "New text file").click();
  await dialog(page).getByRole("textbox", { name: "Name of the file" }).fill("list.md");
  await button(dialog(page), "Create").click();
  await page.waitForURL(`**/#/view/${id}/list.md`);
  equal(await content(cas, `${id}/list.md`), "");

  // The server is slow: what was left leads nowhere any more, and what was pressed twice is done once.
  await page.goto(at(id));
  await button(page, "New").click();
  await item(page, "New text file").click();
  await dialog(page).getByRole("textbox", { name: "Name of the file" }).fill("late.md");
  const made = await held(page, "**/late.md");
  await page.keyboard.press("Enter");
  const goOn = await made();
  await page.keyboard.press("Escape");
  await row(page, "Plans").getByRole("link").click();
  await page.getByText("This folder is empty").waitFor();
  goOn();
  await eventually("the file is made", () => there(cas, `${id}/late.md`));
  await page.evaluate(() => new Promise((done) => setTimeout(done, 300))); // what must not come
  equal(new URL(page.url()).hash, `#/files/${id}/Plans`, "after a dialog that was left");
  await page.goto(at(id));
  await pick(page, "late.md");
  const link = await held(page, "**/api/files/download");
  const saved = page.waitForEvent("download");
  await button(page, "Download").dblclick();
  (await link())();
  await (await saved).cancel();
  equal(requests.filter((r) => r.path === "/api/files/download").length, 1, "downloads");
});

await scenario("takes files that are dropped on the list", async ({ context }) => {
  const una = await user("una", { folders: ["Drop"] });
  const id = una.folders.Drop;
  const page = await signIn(context, una.name, una.password, at(id));
  await page.getByText("This folder is empty").waitFor();
  await drop(grid(page), [{ name: "dropped.txt", content: "dropped" }]);
  await row(page, "dropped.txt").waitFor();
  equal(await content(una, `${id}/dropped.txt`), "dropped");
});

await scenario("tells how far long work is, and stops", async ({ context }) => {
  const vic = await user("vic", { folders: ["Long"], limits: { maxFolders: 5, maxBytes: 1 << 30, maxFiles: 1000000 } });
  const id = vic.folders.Long;
  await mkdir(onDisk(`${id}/from`));
  await mkdir(onDisk(`${id}/to`));
  const many = 4000;
  for (let n = 0; n < many; n++) await writeFile(onDisk(`${id}/from/${n}.txt`), "x");
  await davit("folder", "scan", id);
  const page = await signIn(context, vic.name, vic.password, at(id, "from"));
  await page.getByText("4,000 entries").waitFor();
  await grid(page).focus();
  await page.keyboard.press("Control+a");
  await page.keyboard.press("Control+c");
  await page.goto(at(id, "to"));
  await page.getByText("This folder is empty").waitFor();
  await grid(page).focus();
  await page.keyboard.press("Control+v");
  const progress = page.getByRole("dialog", { name: "Copying" });
  await progress.getByText(/of 4,000 are done/).waitFor();
  await checkAxe(page);
  await button(progress, "Stop").click();
  await says(page, /^Copied [\d,]+ entries to to/);
  const copied = (await readdir(onDisk(`${id}/to`))).length;
  check(copied > 0 && copied < many, `${copied} of ${many} are there`);
  await page.getByText(new RegExp(`^${copied.toLocaleString("en")} entries`)).waitFor();
});

await scenario("work whose answers are lost looks what was done, and goes on", async ({ context, expect }) => {
  expect(/no answer: /);
  const wes = await user("wes", { folders: ["Away", "Theirs"] });
  const id = wes.folders.Away;
  await mkdir(onDisk(`${id}/from`));
  for (let n = 0; n < 20; n++) await writeFile(onDisk(`${id}/from/${n}.txt`), `${n}`);
  await davit("folder", "scan", id);
  const page = await signIn(context, wes.name, wes.password, at(id, "from"));
  const files = async (dir) => (await readdir(onDisk(`${id}/${dir}`))).length;
  const entries = (n) => page.getByText(new RegExp(`^${n} entries`)).and(page.locator(".files-status *")).first().waitFor();
  // The server does what the second piece asks for, and then the network is gone.
  const lose = async (path, gone) => {
    let n = 0;
    const handler = async (route) => {
      if (++n !== 2) return route.continue();
      await route.fetch();
      await gone();
      await route.abort("connectionreset");
      await page.unroute(`**${path}`, handler);
    };
    await page.route(`**${path}`, handler);
  };
  const offline = () => context.setOffline(true);
  const all = async (...keys) => {
    await grid(page).focus();
    for (const key of ["Control+a", ...keys]) await page.keyboard.press(key);
  };
  const away = page.getByRole("alert").filter({ hasText: "The server does not answer." });
  const back = async (text) => {
    await context.setOffline(false);
    await says(page, text);
    equal(await page.getByRole("dialog").count(), 0, "dialogs that tell of failures");
  };

  await entries(20);
  await lose("/api/files/copy", offline);
  await all("Control+c", "Control+v");
  await away.waitFor();
  await checkAxe(page);
  await shot(page, "away");
  await back("Copied 20 entries to from.");
  equal(await files("from"), 40, "copies beside what they are of");
  await entries(40);

  await lose("/api/files/trash", offline);
  await all("Delete", "Delete"); // the second is nothing of its own
  await away.waitFor();
  await back("Moved 40 entries to the trash.");
  equal([await files("from"), await files("Trash")], [0, 40]);
  await button(page, "Undo").last().click();
  await entries(40);
  equal([await files("from"), await files("Trash")], [40, 0], "after undo, of all");

  await lose("/api/files", stopServer);
  await all("Shift+Delete");
  await button(dialog(page), "Delete for good").click();
  await away.waitFor();
  await startServer();
  await back("Deleted 40 entries.");
  equal(await files("from"), 0);

  // A folder that goes stops all that is left, and that is told once.
  for (let n = 0; n < 100; n++) await writeFile(onDisk(`${id}/from/${n}.txt`), `${n}`);
  await entries(100);
  await all("Control+c");
  await page.goto(at(wes.folders.Theirs));
  await page.getByText("This folder is empty").waitFor();
  await lose("/api/files/copy", () => must(wes, "DELETE", `/api/davit/folders/${id}`));
  await grid(page).focus();
  await page.keyboard.press("Control+v");
  await dialog(page).getByText("The folder is not there any more, or it is not shared with you any more.").waitFor();
  equal(await dialog(page).getByRole("listitem").count(), 0, "names of what failed");
  await checkAxe(page);
});

await scenario("asks about names that are taken", async ({ context }) => {
  const dan = await user("dan", { folders: ["From", "To"] });
  const { From: from, To: to } = dan.folders;
  const set = async () => {
    for (const n of ["a.txt", "b.txt", "c.txt", "free.txt"]) await put(dan, `${from}/${n}`, `new ${n}`);
    for (const n of ["a.txt", "b.txt", "c.txt"]) await put(dan, `${to}/${n}`, `old ${n}`);
  };
  await set();
  await mkcol(dan, `${from}/both`);
  await put(dan, `${from}/both/x.txt`, "new x");
  await mkcol(dan, `${to}/both`);
  await put(dan, `${to}/both/x.txt`, "old x");
  await put(dan, `${to}/both/y.txt`, "old y");
  const page = await signIn(context, dan.name, dan.password, at(from));
  await row(page, "free.txt").waitFor();
  const copyTo = async (...list) => {
    await pick(page, list[0]);
    for (const n of list.slice(1)) await pick(page, n, { modifiers: ["Control"] });
    await choose(page, list[0], "Copy to …");
    await dialog(page).getByRole("button", { name: "Folders", exact: true }).click();
    await dialog(page).getByRole("button", { name: "To", exact: false }).filter({ hasText: "To" }).first().click();
    await dialog(page).getByRole("list", { name: "Folders in To" }).waitFor();
    await button(dialog(page), "Copy here").click();
  };
  await copyTo("a.txt", "b.txt", "c.txt", "free.txt");
  await page.getByRole("dialog", { name: "The name is taken" }).getByText("a.txt").waitFor();
  await shot(page, "conflict");
  await checkAxe(page);
  await button(dialog(page), "Keep both").click();
  await dialog(page).getByText("b.txt").waitFor();
  await button(dialog(page), "Replace").click();
  await dialog(page).getByText("c.txt").waitFor();
  await button(dialog(page), "Skip").click();
  await says(page, "Copied 3 entries to To");
  equal((await readdir(onDisk(to))).sort(), ["a(1).txt", "a.txt", "b.txt", "both", "c.txt", "free.txt"]);
  equal(await content(dan, `${to}/a(1).txt`), "new a.txt");
  equal(await content(dan, `${to}/a.txt`), "old a.txt");
  equal(await content(dan, `${to}/b.txt`), "new b.txt");
  equal(await content(dan, `${to}/c.txt`), "old c.txt");

  // One answer for all.
  await must(dan, "DELETE", escaped(`${to}/free.txt`));
  await set();
  await button(page, "Clear the selection").click();
  await copyTo("a.txt", "b.txt", "c.txt", "free.txt");
  await page.getByRole("checkbox", { name: "The same for all further conflicts" }).check();
  await button(dialog(page), "Replace").click();
  await says(page, "Copied 4 entries to To");
  for (const n of ["a.txt", "b.txt", "c.txt", "free.txt"]) equal(await content(dan, `${to}/${n}`), `new ${n}`);

  // Skip all, and leaving off.
  await set();
  await button(page, "Clear the selection").click();
  await copyTo("a.txt", "b.txt");
  await page.getByRole("checkbox", { name: "The same for all further conflicts" }).check();
  await button(dialog(page), "Skip").click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  equal(await content(dan, `${to}/a.txt`), "old a.txt");
  await copyTo("a.txt");
  await button(dialog(page), "Cancel").click();
  equal(await content(dan, `${to}/a.txt`), "old a.txt");

  // Directories are merged, or kept beside one another.
  await copyTo("both");
  await button(dialog(page), "Merge, keep both files").click();
  await says(page, "Copied both to To");
  equal((await readdir(onDisk(`${to}/both`))).sort(), ["x(1).txt", "x.txt", "y.txt"]);
  await copyTo("both");
  await button(dialog(page), "Merge, replace files").click();
  await eventually("merged", async () => (await content(dan, `${to}/both/x.txt`)) === "new x");
  equal(await content(dan, `${to}/both/y.txt`), "old y");

  // A file and a directory never take one another's place: that is told, by name.
  await must(dan, "DELETE", escaped(`${to}/a.txt`));
  await mkcol(dan, `${to}/a.txt`);
  await copyTo("a.txt");
  await button(dialog(page), "Replace").click();
  await page.getByRole("dialog", { name: "Could not be copied" }).getByText("a.txt").first().waitFor();
  await checkAxe(page);
});

await scenario("moves by dragging, and takes it back", async ({ context }) => {
  const eve = await user("eve", { folders: ["Drag"] });
  const id = eve.folders.Drag;
  await mkcol(eve, `${id}/box`);
  await mkcol(eve, `${id}/box/inner`);
  for (const n of ["one.txt", "two.txt", "three.txt"]) await put(eve, `${id}/${n}`, n);
  const page = await signIn(context, eve.name, eve.password, at(id));
  await pick(page, "one.txt");
  await pick(page, "two.txt", { modifiers: ["Control"] });
  await row(page, "one.txt").dragTo(row(page, "box"), { sourcePosition: { x: 500, y: 10 } });
  await says(page, "Moved 2 entries to box");
  await inOrder(page, ["box", "three.txt"], "both are gone");
  equal((await readdir(onDisk(`${id}/box`))).sort(), ["inner", "one.txt", "two.txt"]);
  await button(page, "Undo").last().click();
  await says(page, "Moved back");
  equal((await readdir(onDisk(id))).sort(), ["box", "one.txt", "three.txt", "two.txt"]);
  await row(page, "one.txt").waitFor();

  // With Ctrl it is a copy.
  await page.keyboard.down("Control");
  await row(page, "three.txt").dragTo(row(page, "box"), { sourcePosition: { x: 500, y: 10 } });
  await page.keyboard.up("Control");
  await says(page, "Copied three.txt to box");
  equal((await readdir(onDisk(`${id}/box`))).sort(), ["inner", "three.txt"]);
  equal(await content(eve, `${id}/three.txt`), "three.txt");

  // Onto the way above.
  await open(page, "box");
  await row(page, "inner").dragTo(page.getByRole("navigation", { name: "Where this is" }).getByRole("link", { name: "Drag" }), { sourcePosition: { x: 500, y: 10 } });
  await says(page, "Moved inner to Drag");
  check((await readdir(onDisk(id))).includes("inner"), "it is not at the root");

  // By menu, with the picker, into a directory that is made there.
  await row(page, "three.txt").waitFor();
  await choose(page, "three.txt", "Move to …");
  await dialog(page).getByRole("list", { name: "Folders in box" }).waitFor();
  await shot(page, "picker");
  await checkAxe(page);
  await button(dialog(page), "New folder").click();
  await dialog(page).getByRole("textbox").fill("deep");
  await button(dialog(page), "Create").click();
  await page.getByRole("list", { name: "Folders in deep" }).waitFor();
  await button(dialog(page), "Move here").click();
  await says(page, "Moved three.txt to deep");
  equal(await content(eve, `${id}/box/deep/three.txt`), "three.txt");
});

await scenario("keeps what is deleted in the trash", async ({ context }) => {
  const fay = await user("fay", { folders: ["Bin"] });
  const id = fay.folders.Bin;
  await mkcol(fay, `${id}/work`);
  for (const n of ["keep.txt", "lose.txt", "third.txt"]) await put(fay, `${id}/work/${n}`, n);
  const page = await signIn(context, fay.name, fay.password, at(id, "work"));
  await row(page, "keep.txt").waitFor();
  await grid(page).focus();
  await page.keyboard.press("Control+a");
  await button(page, "Move to trash").click();
  await says(page, "Moved 3 entries to the trash");
  await page.getByText("This folder is empty").waitFor();
  await button(page, "View and more").click();
  await item(page, "Go to the trash").click();
  await page.getByRole("heading", { name: "Trash", level: 1 }).waitFor();
  await row(page, "keep.txt").getByRole("gridcell", { name: "work", exact: true }).waitFor();
  await shot(page, "trash");
  await checkAxe(page);
  await pick(page, "keep.txt");
  await button(page, "Restore").click();
  await says(page, "Restored keep.txt in work");
  equal(await content(fay, `${id}/work/keep.txt`), "keep.txt");
  await row(page, "keep.txt").waitFor({ state: "detached" });
  await pick(page, "lose.txt");
  await page.keyboard.press("Delete");
  await button(dialog(page), "Delete for good").click();
  await says(page, "Deleted lose.txt");
  check(!(await there(fay, `${id}/Trash/lose.txt`)), "it is still there");
  await row(page, "lose.txt").waitFor({ state: "detached" });
  await button(page, "Empty the trash").click();
  await checkAxe(page);
  await button(dialog(page), "Empty the trash").click();
  await page.getByText("What you delete in this folder comes here").waitFor();
  equal((await readdir(onDisk(`${id}/Trash`))).length, 0);
  await checkAxe(page);
});

await scenario("downloads a file, and several as a zip file", async ({ context }) => {
  const gil = await user("gil", { folders: ["Out"] });
  const id = gil.folders.Out;
  await mkcol(gil, `${id}/sub`);
  await put(gil, `${id}/sub/in.txt`, "inside");
  await must(gil, "PUT", escaped(`${id}/plain.txt`), "plain", { "OC-Checksum": "SHA1:" + createHash("sha1").update("plain").digest("hex") });
  await put(gil, `${id}/left.txt`, "left");
  const page = await signIn(context, gil.name, gil.password, at(id));
  await pick(page, "plain.txt");
  let [got] = await Promise.all([page.waitForEvent("download"), button(page, "Download").click()]);
  equal(got.suggestedFilename(), "plain.txt");
  equal(await readFile(await got.path(), "utf8"), "plain");
  await pick(page, "sub", { modifiers: ["Control"] });
  [got] = await Promise.all([page.waitForEvent("download"), button(page, "Download as zip").click()]);
  equal(got.suggestedFilename(), "Out.zip");
  const zip = await got.path();
  equal(execFileSync("unzip", ["-Z1", zip], { encoding: "utf8" }).trim().split("\n").sort(), ["plain.txt", "sub/", "sub/in.txt"]);
  equal(execFileSync("unzip", ["-p", zip, "sub/in.txt"], { encoding: "utf8" }), "inside");

  await button(page, "Clear the selection").click();
  await choose(page, "plain.txt", "Properties");
  const facts = page.getByRole("dialog", { name: "plain.txt" });
  await facts.getByText("5 B", { exact: true }).waitFor();
  const etag = (await dav(gil, "HEAD", `${id}/plain.txt`)).headers.get("ETag");
  await facts.getByText(etag).waitFor();
  await facts.getByText(createHash("sha1").update("plain").digest("hex")).waitFor();
  await shot(page, "properties");
  await checkAxe(page);
  await button(facts, "Close").last().click();
});

await scenario("shows locks and who holds them", async ({ context }) => {
  const [hal, ian] = [await user("hal", { folders: ["Shared"] }), await user("ian")];
  const id = hal.folders.Shared;
  await put(hal, `${id}/report.odt`, "r");
  await put(hal, `${id}/other.txt`, "o");
  await share(hal, id, ian, ["READ", "EDIT"]);
  const page = await signIn(context, ian.name, ian.password, at(id));
  await row(page, "report.odt").waitFor();
  await lock(hal, `${id}/report.odt`);
  await row(page, "report.odt").getByText("Locked by hal since").waitFor(); // without a reload
  await shot(page, "locked");
  await checkAxe(page);
  await pick(page, "report.odt");
  await page.keyboard.press("F2");
  await page.getByRole("textbox", { name: "New name" }).fill("mine.odt");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").getByText("hal holds a lock on it").waitFor();
  await page.keyboard.press("Escape");
  equal(await content(hal, `${id}/report.odt`), "r");
  await pick(page, "other.txt", { modifiers: ["Control"] });
  await page.keyboard.press("Delete");
  const failed = page.getByRole("dialog", { name: "Could not be moved to the trash" });
  await failed.getByText("locked by hal").waitFor();
  await failed.getByText("Ask them to close it").waitFor();
  await shot(page, "refused");
  await checkAxe(page);
  await button(failed, "Close").last().click();
  await row(page, "other.txt").waitFor({ state: "detached" });
  equal(await content(hal, `${id}/report.odt`), "r");
});

await scenario("offers nothing that changes to who may only read", async ({ context, page, newContext, requests }) => {
  const [joe, kim] = [await user("joe", { folders: ["Library"] }), await user("kim")];
  const id = joe.folders.Library;
  await put(joe, `${id}/book.txt`, "book");
  await share(joe, id, kim, ["READ"]);
  page = await signIn(context, kim.name, kim.password, at(id));
  await page.getByText("You may read this folder, but not change it.").waitFor();
  await pick(page, "book.txt");
  await button(page, "Download").waitFor();
  for (const name of ["Upload", "New", "Move to …", "Move to trash"]) check((await button(page, name).count()) === 0, `there is ${name}`);
  await row(page, "book.txt").click({ button: "right" });
  await item(page, "Properties").waitFor();
  const words = await page.getByRole("menuitem").allTextContents();
  for (const w of words) check(!/rename|cut|trash|delete|move/i.test(w), `the menu has ${w}`);
  await shot(page, "readonly");
  await page.keyboard.press("Escape");
  await checkAxe(page);
  const before = requests.length;
  for (const key of ["Delete", "Shift+Delete", "F2", "Control+x"]) await page.keyboard.press(key);
  check((await page.getByRole("dialog").count()) === 0, "a key asks for a change");
  check(requests.slice(before).every((r) => r.method === "GET"), "a key changes something");
  equal(await content(joe, `${id}/book.txt`), "book");

  // Rights that are taken away while it is open.
  await must(joe, "POST", "/api/files/collections/updateAcl", { items: [{ id, added: [], deleted: [{ type: "user", username: kim.name }] }] });
  await page.getByText("This folder is not there any more").waitFor();
  await checkAxe(page);
  await page.getByRole("link", { name: "To the folders" }).click();
  await page.waitForURL("**/#/");
});

await scenario("follows changes by other doors", async ({ context }) => {
  const leo = await user("leo", { folders: ["Live"] });
  const id = leo.folders.Live;
  await mkcol(leo, `${id}/dir`);
  for (let n = 0; n < 60; n++) await put(leo, `${id}/dir/file ${n}.txt`, "x");
  const page = await signIn(context, leo.name, leo.password, at(id, "dir"));
  await row(page, "file 0.txt").waitFor();
  await pick(page, "file 3.txt");
  await grid(page).evaluate((el) => (el.scrollTop = 360));
  await row(page, "file 20.txt").waitFor();
  await put(leo, `${id}/dir/file 15b.txt`, "by WebDAV");
  await writeFile(onDisk(`${id}/dir/file 16b.txt`), "by hand");
  await row(page, "file 15b.txt").waitFor();
  await row(page, "file 16b.txt").waitFor();
  equal(await grid(page).evaluate((el) => el.scrollTop), 360, "the place of the list");
  await page.getByText("1 selected, 1 B").waitFor();
  await must(leo, "DELETE", escaped(`${id}/dir/file 3.txt`));
  await page.getByText("1 selected", { exact: true }).waitFor({ state: "detached" });
  await must(leo, "DELETE", escaped(`${id}/dir`));
  await page.getByText("There is nothing at this place").waitFor();
  await shot(page, "gone");
  await checkAxe(page);
  await page.getByRole("link", { name: "Go to the folder above" }).click();
  await page.getByText("This folder is empty").waitFor();
});

await scenario("shows hostile names as what they are", async ({ context }) => {
  const mia = await user("mia", { folders: ["Odd <b>folder</b>"] });
  const id = mia.folders["Odd <b>folder</b>"];
  const odd = [
    "<img src=x onerror=alert(1)>", "‮txt.exe", " leading blank", "50%2Fdone", "quote\"'`.txt", "what#now?.txt", "ü".repeat(127), "a&amp;b;c", "new​line", "…", "{name}",
  ];
  for (const n of odd) await put(mia, `${id}/${n}`, "odd " + n);
  await mkcol(mia, `${id}/dir #1?%20`);
  await writeFile(onDisk(`${id}/bell\u0007.txt`), "by hand"); // through no door of ours
  const page = await signIn(context, mia.name, mia.password, at(id));
  await row(page, "quote\"'`.txt").waitFor();
  await page.getByText(/^1[23] entries/).waitFor();
  await page.getByText("U+202E").first().waitFor();
  await page.getByText("U+200B").first().waitFor();
  equal(await page.locator("main img").count(), 0, "elements from names");
  await shot(page, "odd");
  await checkAxe(page);
  // Each can be renamed to another odd name, and back.
  for (const [i, n] of odd.entries()) {
    await page.locator(".grid-rows [role=row]").filter({ has: page.locator(`a[href="#/view/${id}/${encodeURIComponent(n).replaceAll('"', '\\"')}"]`) }).getByRole("gridcell").nth(3).click();
    await page.keyboard.press("F2");
    await page.getByRole("textbox", { name: "New name" }).fill(`${i}-${n}`.slice(0, 120));
    await page.keyboard.press("Enter");
    await page.getByRole("textbox", { name: "New name" }).waitFor({ state: "detached" });
    equal(await content(mia, `${id}/${`${i}-${n}`.slice(0, 120)}`), "odd " + n);
  }
  await row(page, "dir #1?%20").getByRole("link").click();
  await page.getByRole("heading", { name: "dir #1?%20", level: 1 }).waitFor();
  await page.getByText("This folder is empty").waitFor();
  await page.reload();
  await page.getByRole("heading", { name: "dir #1?%20", level: 1 }).waitFor();
});

await scenario("says what is full", async ({ context }) => {
  const nat = await user("nat", { folders: ["Small"], limits: { maxFolders: 5, maxBytes: 100000, maxFiles: 1000 } });
  const id = nat.folders.Small;
  await put(nat, `${id}/big.bin`, "b".repeat(60000));
  const page = await signIn(context, nat.name, nat.password, at(id));
  await pick(page, "big.bin");
  await page.keyboard.press("Control+c");
  await page.keyboard.press("Control+v");
  const failed = page.getByRole("dialog", { name: "Could not be copied" });
  await failed.getByText("limit").first().waitFor();
  await failed.getByText("Empty the trash or delete what is not needed").waitFor();
  await shot(page, "full");
  await checkAxe(page);
});

await scenario("is used by touch", async ({ newContext }) => {
  const oli = await user("oli", { folders: ["Phone"] });
  const id = oli.folders.Phone;
  await mkcol(oli, `${id}/dir`);
  for (const n of ["a.txt", "b.txt"]) await put(oli, `${id}/${n}`, n);
  const context = await newContext({ hasTouch: true, isMobile: true, viewport: { width: 360, height: 740 } });
  const page = await signIn(context, oli.name, oli.password, at(id));
  await row(page, "a.txt").waitFor();
  check(await page.evaluate(() => document.documentElement.scrollWidth <= 360), "the page is wider than the screen");
  await page.getByRole("checkbox", { name: "Select a.txt" }).tap();
  await page.getByText("1 selected", { exact: true }).waitFor();
  await row(page, "b.txt").tap({ position: { x: 150, y: 25 } }); // something is selected: it is selected too
  await page.getByText("2 selected", { exact: true }).waitFor();
  await shot(page, "touch");
  await checkAxe(page);
  await button(page, "Clear the selection").tap();
  await button(row(page, "a.txt"), "Actions for a.txt").tap();
  await item(page, "Rename").tap();
  await page.getByRole("textbox", { name: "New name" }).fill("c.txt");
  await page.keyboard.press("Enter");
  await row(page, "c.txt").waitFor();
  await button(page, "Clear the selection").tap();
  await row(page, "dir").tap({ position: { x: 150, y: 25 } });
  await page.getByRole("heading", { name: "dir", level: 1 }).waitFor();
});

await scenario("stays quick with 100,000 entries", async ({ context }) => {
  const pam = await user("pam", { folders: ["Many"], limits: { maxFolders: 5, maxBytes: 1 << 30, maxFiles: 1000000 } });
  const id = pam.folders.Many;
  const many = 100_000;
  await mkdir(onDisk(`${id}/many`));
  execFileSync("python3", ["-c", `
import os, sys
os.chdir(sys.argv[1])
for i in range(${many}):
    os.close(os.open("file %d.%s" % (i, ("txt", "jpg", "dat")[i % 3]), os.O_CREAT | os.O_WRONLY, 0o600))
`, onDisk(`${id}/many`)]);
  await davit("folder", "scan", id);
  const page = await signIn(context, pam.name, pam.password, at(id));
  await row(page, "many").waitFor();
  const times = {};
  const timed = async (what, f) => {
    const began = performance.now();
    await f();
    times[what] = Math.round(performance.now() - began);
  };
  const rows = () => page.locator(".grid-rows [role=row]").count();
  await timed("first rows", async () => {
    await open(page, "many");
    await page.locator(".grid-rows [role=row]").first().waitFor();
  });
  await timed("all", () => page.getByText("100,000 entries", { exact: true }).waitFor());
  check((await grid(page).getAttribute("aria-rowcount")) === String(many + 1), "aria-rowcount");
  check((await rows()) < 200, `${await rows()} rows in the page`);
  await grid(page).focus();
  await timed("to the end", async () => {
    await page.keyboard.press("End");
    await row(page, "file 99999.txt").waitFor();
  });
  check((await rows()) < 200, `${await rows()} rows in the page`);
  check((await row(page, "file 99999.txt").getAttribute("aria-rowindex")) === String(many + 1), "aria-rowindex");
  await timed("select all", async () => {
    await page.keyboard.press("Control+a");
    await page.getByText("100,000 selected, 0 B").waitFor();
  });
  await timed("filter", async () => {
    await page.getByRole("searchbox", { name: "Filter this list" }).fill("file 4242.");
    await page.getByText("10 of 100,000 entries").waitFor();
  });
  await page.getByRole("searchbox", { name: "Filter this list" }).fill("");
  await timed("sort by kind", async () => {
    await page.getByRole("columnheader", { name: "Kind" }).getByRole("button").click();
    await page.getByRole("columnheader", { name: "Kind", exact: false }).and(page.locator("[aria-sort]")).waitFor();
    await grid(page).focus();
    await page.keyboard.press("Home");
    await row(page, "file 2.dat").waitFor();
  });
  check((await rows()) < 200, `${await rows()} rows in the page`);
  // A change is seen without losing the place.
  await timed("a change of another door", async () => {
    await put(pam, `${id}/many/another.dat`, "x");
    await page.getByText(/^100,001 entries/).waitFor();
  });
  console.log(`100,000 entries, milliseconds: ${JSON.stringify(times)}`);
});
