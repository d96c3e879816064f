// Folders: their list, making and removing them, sharing, invitations, and what is known of one.
// serve: --default-max-folders 6 --unique-titles --default-max-bytes 1GiB --config ../testdata/browser/folders.yaml
import { admin, api, check, checkAxe, dav, eventually, equal, focused, folder, must, scenario, server, shot, signIn, user } from "./harness.mjs";

// goTo changes the place as a link would.
const goTo = (page, place) => page.evaluate((place) => { location.hash = place; }, place);

// narrow fails if the page scrolls sideways at 360 px.
async function narrow(page) {
  const before = page.viewportSize();
  await page.setViewportSize({ width: 360, height: 740 });
  const [wide, of] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  check(wide <= of, `${page.url()} is ${wide} px wide in ${of}`);
  await page.setViewportSize(before);
}

// looked ends a scenario at a place.
async function looked(page, name) {
  await narrow(page);
  await shot(page, name);
  await checkAxe(page);
}

const row = (page, name) => page.getByRole("row").filter({ hasText: name });
const open = (page, title) => page.getByRole("button", { name: `Actions for ${title}`, exact: true }).click();
async function choose(page, title, entry) {
  await open(page, title);
  await page.getByRole("menuitem", { name: entry }).click();
}
async function entries(page, title) {
  await open(page, title);
  const all = await page.getByRole("menuitem").allTextContents();
  await page.keyboard.press("Escape");
  return all.map((s) => s.replace("…", "").trim());
}
const said = (page, text) => page.getByRole("region", { name: "Messages" }).getByText(text).first().waitFor();
const button = (at, name) => at.getByRole("button", { name, exact: true });
const share = (who, id, username, permissions) =>
  must(who, "POST", "/api/files/collections/updateAcl", {
    items: [{ id, added: permissions.length > 0 ? [{ entity: { type: "user", username }, permissions }] : [], deleted: permissions.length > 0 ? [] : [{ type: "user", username }] }],
  });
const seen = async (who) => (await must(who, "GET", "/api/davit/folders?mine=true&deleted=false&itemsPerPage=1000")).items;
const titles = async (who) => (await seen(who)).map((f) => f.title).sort();
const lock = (who, path) =>
  dav(who, "LOCK", path, `<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype><owner>her &lt;b&gt;laptop&lt;/b&gt;</owner></lockinfo>`, { Timeout: "Second-3600" });

await scenario("the first folder, from the empty list to its files", async ({ context }) => {
  const ann = await user("first");
  const page = await signIn(context, ann.name, ann.password);
  await page.getByText("You have no folder yet").waitFor();
  await looked(page, "empty");
  await button(page, "Create your first folder").click();
  const dialog = page.getByRole("dialog", { name: "Create a folder" });
  await dialog.getByLabel("Title").fill("Thesis");
  await dialog.getByText("It can hold 1 GiB in 1,000 files.").waitFor();
  await dialog.getByText("0 of 6 folders").waitFor();
  await looked(page, "create");
  await button(dialog, "Create").click();
  await page.waitForURL(/#\/files\/[0-9a-f]{32}$/);
  equal(await titles(ann), ["Thesis"]);
});

await scenario("the list is searched, filtered and sorted", async ({ context }) => {
  const ann = await user("lister", { folders: ["Alpha", "beta 10", "beta 2"] });
  const bob = await user("bobo", { folders: ["Shared work"] });
  const project = await must(admin, "POST", "/api/davit/projects", { title: "Physics", pi: "lister" });
  await folder(ann, "Measurements", { project: project.id });
  await share(bob, bob.folders["Shared work"], "lister", ["READ"]);
  await must(ann, "POST", "/api/files/collections/updateLabels", { items: [{ id: ann.folders.Alpha, labels: { team: "a", draft: "" } }] });
  await dav(ann, "PUT", `${ann.folders["beta 2"]}/a.bin`, Buffer.alloc(3 << 20));
  await dav(ann, "PUT", `${ann.folders.Alpha}/b.bin`, Buffer.alloc(1 << 20));
  const page = await signIn(context, ann.name, ann.password);
  const shown = async () => {
    const rows = await page.locator("tbody .folder-title > a:first-child").allTextContents();
    return rows.join("|");
  };
  const want = async (order, what) => {
    await eventually(`${what}: ${order}`, async () => (await shown()) === order);
  };
  await eventually("usage is in the list", async () => {
    await page.reload();
    await page.getByRole("table").waitFor();
    return page.getByText("5 folders, 4 MiB together").isVisible();
  });
  await want("Alpha|beta 2|beta 10|Measurements|Shared work", "by title");
  await page.getByRole("meter", { name: "Space of beta 2" }).and(page.locator('[aria-valuetext="3 MiB of 1 GiB (0 %)"]')).waitFor();
  await row(page, "Alpha").getByRole("link", { name: "In use" }).waitFor();
  await looked(page, "list");
  await button(page, "Used").click();
  await button(page, "Used").click();
  await want("beta 2|Alpha|beta 10|Measurements|Shared work", "most used first");
  equal(await page.getByRole("columnheader", { name: "Used", exact: true }).getAttribute("aria-sort"), "descending");
  await button(page, "Owner").click();
  await want("Shared work|Alpha|beta 2|beta 10|Measurements", "by owner");
  await page.getByLabel("Show").selectOption("Shared with me");
  await want("Shared work", "shared");
  await page.getByLabel("Show").selectOption("Of the project Physics");
  await want("Measurements", "of a project");
  await page.getByLabel("Show").selectOption("My own");
  await page.getByLabel("Search").fill("BETA");
  await want("beta 2|beta 10", "own, with beta");
  await page.getByText("2 of 5 folders, 3 MiB together").waitFor();
  await page.reload(); // the address knows
  await want("beta 2|beta 10", "after a reload");
  await page.getByLabel("Search").fill("no such folder");
  await button(page, "Show all folders").click();
  await page.getByRole("link", { name: "team: a" }).click();
  await want("Alpha", "by a label");
  await page.getByLabel("Label", { exact: true }).selectOption("Any label");
  await page.getByLabel("Search").fill(bob.folders["Shared work"]);
  await want("Shared work", "by ID");
  equal(await entries(page, "Shared work"), ["Open", "Who has access", "Details", "Mount", "Leave"]);
  await page.getByLabel("Search").fill("");
  equal(await entries(page, "Alpha"), ["Open", "Share", "Details", "Mount", "Rename", "Labels", "Change the limits", "Delete"]);
  await row(page, "beta 10").getByText("0 of 1,000 files").click({ button: "right" });
  await page.getByRole("menu", { name: "Actions for beta 10" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("link", { name: "Alpha" }).click();
  await page.waitForURL(new RegExp(`#/files/${ann.folders.Alpha}$`));
});

await scenario("a thousand folders", async ({ context, requests }) => {
  const ann = await user("many", { limits: { maxFolders: null } });
  const product = { id: "standard", category: "standard", provider: "davit" };
  await must(ann, "POST", "/api/files/collections", { items: Array.from({ length: 1000 }, (_, i) => ({ title: `Folder ${i + 1}`, product })) });
  const page = await signIn(context, ann.name, ann.password);
  await page.getByText("1,000 folders, 0 B together").waitFor();
  equal(requests.filter((r) => r.path.startsWith("/api/davit/folders")).length, 1, "requests for the list");
  const rows = page.locator("tbody tr");
  check((await rows.count()) <= 300, `${await rows.count()} rows at once`);
  await page.getByLabel("Search").fill("folder 99");
  await page.getByText("11 of 1,000 folders").waitFor();
  equal(await rows.count(), 11);
  await page.getByLabel("Search").fill("");
  await eventually("the end of the list, by scrolling", async () => {
    await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
    return (await rows.count()) === 1000;
  });
  await page.getByRole("link", { name: "Folder 1000", exact: true }).click();
  await page.goBack();
  await page.getByText("1,000 folders, 0 B together").waitFor();
});

await scenario("products: their space, and what they do not allow", async ({ context }) => {
  const ann = await user("chooser");
  const page = await signIn(context, ann.name, ann.password);
  const make = async (title, product) => {
    await button(page, (await titles(ann)).length === 0 ? "Create your first folder" : "Create a folder").click();
    const dialog = page.getByRole("dialog", { name: "Create a folder" });
    await dialog.getByLabel("Title").fill(title);
    equal(await dialog.getByLabel("Product").inputValue(), "davit/standard/standard", "the usual product");
    await dialog.getByLabel("Product").selectOption(product);
    return dialog;
  };
  let dialog = await make("quick", "scarce");
  await dialog.getByText("A little space on fast disks").waitFor();
  await dialog.getByText("0 B of 10 B").waitFor();
  await looked(page, "create-product");
  await button(dialog, "Create").click();
  await page.waitForURL(/#\/files\//);
  const [quick] = await seen(ann);
  equal(quick.product, "scarce");
  equal((await dav(ann, "PUT", `${quick.id}/ten`, "0123456789")).status, 201);
  await goTo(page, "#/");
  await row(page, "quick").getByText("scarce").waitFor();
  dialog = await make("one more", "scarce");
  await dialog.getByText("The space of all folders is used up.").waitFor();
  await button(dialog, "Create").click();
  await dialog.getByText(/limit of 10 bytes/).waitFor();
  await page.keyboard.press("Escape");
  dialog = await make("as it is", "fixed");
  await button(dialog, "Create").click();
  await page.waitForURL(/#\/files\//);
  await goTo(page, "#/");
  equal(await entries(page, "as it is"), ["Open", "Share", "Details", "Mount", "Labels", "Change the limits"]);
  await choose(page, "as it is", "Share");
  await page.getByText("can't be shared with others").waitFor();
  check(!(await button(page, "Share").isVisible()), "it can be shared");
  await looked(page, "fixed");
});

await scenario("rename and labels, with hostile texts", async ({ context, faults }) => {
  const ann = await user("namer", { folders: ["plain"] });
  const page = await signIn(context, ann.name, ann.password);
  await choose(page, "plain", "Rename");
  const dialog = page.getByRole("dialog", { name: "Rename the folder" });
  await dialog.getByLabel("Title").fill("0190aaaa0190aaaa0190aaaa0190aaaa");
  await button(dialog, "Rename").click();
  await dialog.getByText("looks like the ID of a folder").waitFor();
  await dialog.getByLabel("Title").fill("   ");
  await button(dialog, "Rename").click();
  await dialog.getByText("Write a title.").waitFor();
  const hostile = `<img src=x onerror=alert(1)>\u200b & "quotes" \u05d0\u05d1 {title}`;
  await dialog.getByLabel("Title").fill(hostile);
  await button(dialog, "Rename").click();
  await dialog.waitFor({ state: "detached" });
  await eventually("the title is shown as text", () => page.getByRole("link", { name: /<img src=x onerror=alert\(1\)>U\+200B & "quotes" אב {title}/ }).isVisible());
  equal(await titles(ann), [hostile]);
  const shown = `<img src=x onerror=alert(1)>⟨U+200B⟩ & "quotes" \u05d0\u05d1 {title}`;
  await choose(page, shown, "Labels");
  const labels = page.getByRole("dialog", { name: "Labels" });
  const add = async (name, value) => {
    await labels.getByLabel("New label").fill(name);
    await labels.getByLabel("Value (optional)").fill(value);
    await button(labels, "Add").click();
  };
  await add("", "x");
  await labels.getByText("Give the label a name.").waitFor();
  await add("Team", "<b>red\u202e</b>");
  await add("draft", "");
  await labels.getByText("team: <b>red⟨U+202E⟩</b>").waitFor();
  await looked(page, "labels");
  await labels.getByLabel("New label").fill("last one");
  await button(labels, "Save").click();
  await labels.waitFor({ state: "detached" });
  equal((await seen(ann))[0].labels, { draft: "", "last one": "", team: "<b>red\u202e</b>" });
  await page.getByRole("link", { name: "team: <b>red" }).waitFor();
  await choose(page, shown, "Labels");
  await button(labels, "Remove the label draft").click();
  await button(labels, "Save").click();
  await labels.waitFor({ state: "detached" });
  equal(Object.keys((await seen(ann))[0].labels), ["last one", "team"]);
  // Everything that shows the title: its page, deletion, messages, what is deleted.
  await choose(page, shown, "Share");
  await page.getByRole("heading", { level: 1, name: "<img src=x" }).waitFor();
  check((await page.title()).startsWith(shown), `the window's title is ${await page.title()}`);
  await page.getByRole("link", { name: "History" }).click();
  await page.getByText(/namer renamed it from plain to <img/).waitFor();
  await looked(page, "hostile");
  await button(page, "Actions").or(page.getByRole("button", { name: `Actions for ${shown}` })).first().click();
  await page.getByRole("menuitem", { name: "Delete" }).click();
  await page.getByRole("dialog", { name: "Delete <img" }).getByText("It is empty.").waitFor();
  await button(page.getByRole("dialog"), "Delete").click();
  await said(page, "is deleted.");
  await goTo(page, "#/deleted");
  await row(page, "<img src=x").waitFor();
  await looked(page, "deleted-hostile");
  equal(faults, []);
});

await scenario("limits, and a new owner", async ({ context, newContext }) => {
  const ann = await user("limited", { folders: ["small"] });
  await user("heir");
  const page = await signIn(context, ann.name, ann.password);
  await choose(page, "small", "Change the limits");
  const dialog = page.getByRole("dialog", { name: "Limits of the folder" });
  await dialog.getByRole("combobox", { name: "Space" }).selectOption("A limit of its own");
  await dialog.getByLabel("At most").fill("lots");
  await button(dialog, "Save").click();
  await dialog.getByText("such as 10 GiB").waitFor();
  await dialog.getByLabel("At most").fill("5 GiB");
  await button(dialog, "Save").click();
  await said(page, "The folder may hold 1 GiB: more than usual"); // what its owner's folders may have
  await choose(page, "small", "Change the limits");
  await dialog.getByLabel("At most").fill("500 MiB");
  await looked(page, "limits");
  await button(dialog, "Save").click();
  await row(page, "small").getByText("0 B of 500 MiB").waitFor();
  equal((await seen(ann))[0].limits, { maxBytes: 500 << 20, maxFiles: "default" });

  const root = await signIn(await newContext(), admin.name, admin.password, `/#/folders/${ann.folders.small}/details`);
  await root.getByRole("heading", { level: 1, name: "small" }).waitFor();
  await button(root, "Change the limits …").click();
  const all = root.getByRole("dialog", { name: "Limits of the folder" });
  equal(await all.getByLabel("At most").inputValue(), "500 MiB");
  await all.getByRole("combobox", { name: "Space" }).selectOption("No limit");
  await all.getByLabel("Number of files and folders").selectOption("A limit of its own");
  await all.getByLabel("At most").fill("7");
  await button(all, "Save").click();
  await root.getByText("0 of 7 files").waitFor();
  equal((await seen(ann))[0].limits, { maxBytes: null, maxFiles: 7 });
  await root.getByRole("button", { name: "Actions" }).click();
  await root.getByRole("menuitem", { name: "Give to somebody else" }).click();
  const give = root.getByRole("dialog", { name: "Give the folder to somebody else" });
  await give.getByRole("combobox", { name: "User name" }).fill("hei");
  await give.getByRole("option", { name: "heir" }).click();
  await looked(root, "give");
  await button(give, "Give").click();
  await said(root, "The folder has a new owner.");
  equal((await must(admin, "GET", `/api/davit/folders/${ann.folders.small}`)).owner, "heir");
  await eventually("the list has lost it", async () => {
    await page.evaluate(() => dispatchEvent(new Event("focus")));
    return page.getByText("small is no longer there").isVisible();
  });
  await page.getByText("You have no folder yet").waitFor();
});

await scenario("deletion, in use, with undo, restore and the end for good", async ({ context }) => {
  const ann = await user("deleter", { folders: ["work", "other"] });
  const bob = await user("worker");
  await share(ann, ann.folders.work, bob.name, ["READ", "EDIT"]);
  await dav(bob, "PUT", `${ann.folders.work}/plan.txt`, "a plan");
  equal((await lock(bob, `${ann.folders.work}/plan.txt`)).status, 200);
  const page = await signIn(context, ann.name, ann.password);
  await choose(page, "work", "Delete");
  const dialog = page.getByRole("dialog", { name: "Delete work?" });
  await dialog.getByText("1 file, 6 B").waitFor();
  await dialog.getByText("The folder is in use right now.").waitFor();
  await dialog.getByText("worker has locked plan.txt").waitFor();
  await dialog.getByText(/worker with .*, now|worker with .* second/).first().waitFor();
  await dialog.getByText("These lose their access:").waitFor();
  await dialog.getByText(/It can be restored until /).waitFor();
  await looked(page, "delete");
  await button(dialog, "Delete although it is in use").click();
  await row(page, "work").waitFor({ state: "detached" });
  equal((await dav(bob, "GET", `${ann.folders.work}/plan.txt`)).status, 404);
  await button(page, "Undo").click();
  await row(page, "work").waitFor();
  equal((await dav(bob, "GET", `${ann.folders.work}/plan.txt`)).text, "a plan");

  // Somebody begins while the dialog is open: it is refused, and said.
  await choose(page, "other", "Delete");
  const second = page.getByRole("dialog", { name: "Delete other?" });
  await second.getByText("It is empty.").waitFor();
  await dav(ann, "PUT", `${ann.folders.other}/new.txt`, "new");
  await button(second, "Delete").click();
  await second.getByText("The folder is in use right now.").waitFor();
  await second.getByText("1 file, 3 B").waitFor();
  await button(second, "Delete although it is in use").click();
  await row(page, "other").waitFor({ state: "detached" });

  await page.getByRole("link", { name: "Deleted" }).click();
  await row(page, "other").getByText("1 file, 3 B").waitFor();
  await looked(page, "deleted");
  await button(page, "Restore other").click();
  await said(page, "other is back");
  await page.getByText("No deleted folders").waitFor();
  equal(await titles(ann), ["other", "work"]);
  await goTo(page, `#/folders/${ann.folders.other}`);
  await button(page, "Actions").or(page.getByRole("button", { name: "Actions for other" })).first().click();
  await page.getByRole("menuitem", { name: "Delete" }).click();
  await button(second, "Delete").click();
  await page.waitForURL(/#\/$/);
  await goTo(page, `#/folders/${ann.folders.other}`);
  await page.getByText("This folder was deleted").waitFor();
  await goTo(page, "#/deleted");
  await button(page, "Delete for good: other").click();
  await button(page.getByRole("dialog", { name: "Delete other for good?" }), "Delete for good").click();
  await page.getByText("No deleted folders").waitFor();
  equal((await api(ann, "POST", `/api/davit/folders/${ann.folders.other}/restore`)).status, 404);
  await looked(page, "deleted-none");
});

await scenario("two people share a folder", async ({ context, newContext }) => {
  const ann = await user("sharer", { folders: ["together"] });
  const bob = await user("guest1");
  await must(admin, "PATCH", "/api/davit/users/guest1", { email: "guest.one@example.org" });
  await must(ann, "PUT", `/dav/${ann.folders.together}/a.txt`, "a");
  const page = await signIn(context, ann.name, ann.password);
  const his = await signIn(await newContext(), bob.name, bob.password);
  await his.getByText("You have no folder yet").waitFor();
  await choose(page, "together", "Share");
  await page.getByText("Nobody else has access yet.").waitFor();

  // By typing the beginning of a name.
  const field = page.getByRole("combobox", { name: "Name or e-mail address" });
  await button(page, "Share").click();
  await page.getByText("Write the name or the e-mail address").waitFor();
  await field.fill("nobody at all");
  await button(page, "Share").click();
  await page.getByText(/no user/).first().waitFor();
  await field.fill("gue");
  await page.getByRole("option", { name: "guest1" }).waitFor();
  await field.press("ArrowDown");
  await field.press("Enter");
  equal(await field.inputValue(), "guest1");
  await button(page, "Share").click();
  await said(page, "guest1 can read now.");
  await row(page, "guest1").waitFor();
  await focused(button(page, "Share")); // it stays
  await looked(page, "sharing");

  // It appears to him; he may read only.
  await eventually("the folder appears", async () => {
    await his.evaluate(() => dispatchEvent(new Event("focus")));
    return row(his, "together").isVisible();
  });
  equal(await entries(his, "together"), ["Open", "Who has access", "Details", "Mount", "Leave"]);
  equal((await dav(bob, "PUT", `${ann.folders.together}/b.txt`, "b")).status, 403);

  // EDIT, and his menu has more.
  await page.getByLabel("What guest1 may").selectOption("Read and edit");
  await said(page, "guest1 can read and edit now.");
  await eventually("he may edit", async () => {
    await his.evaluate(() => dispatchEvent(new Event("focus")));
    return row(his, "together").getByText("Read and edit").isVisible();
  });
  equal(await entries(his, "together"), ["Open", "Who has access", "Details", "Mount", "Rename", "Labels", "Leave", "Delete"]);
  equal((await dav(bob, "PUT", `${ann.folders.together}/b.txt`, "b")).status, 201);

  // A dialog that is open when the right goes says so.
  await choose(his, "together", "Rename");
  await his.getByLabel("Title").fill("mine");
  await page.getByLabel("What guest1 may").selectOption("Read");
  await said(page, "guest1 can read now.");
  await button(his.getByRole("dialog"), "Rename").click();
  await his.getByRole("dialog").getByText(/you may not rename this folder/).waitFor();
  await button(his.getByRole("dialog"), "Cancel").click();
  await choose(his, "together", "Who has access");
  await his.getByText(/sharer shares this folder with you. You may: read/).waitFor();
  check(!(await button(his, "Share").isVisible()), "a guest can share");
  await looked(his, "shared-with-me");

  // Taken away, undone, taken away: his page says it.
  await button(page, "Take the access of guest1 away").click();
  await button(page, "Undo").click();
  await row(page, "guest1").waitFor();
  equal((await dav(bob, "GET", `${ann.folders.together}/a.txt`)).text, "a");
  await button(page, "Take the access of guest1 away").click();
  await row(page, "guest1").waitFor({ state: "detached" });
  await eventually("his page says that it is gone", async () => {
    await his.evaluate(() => dispatchEvent(new Event("focus")));
    return his.getByText("This folder is not there any more").isVisible();
  });
  await looked(his, "gone");
  await his.getByRole("link", { name: "To the folders" }).click();
  await his.getByText("You have no folder yet").waitFor();

  // By mail address; then he leaves by himself.
  await field.fill("Guest.One@example.org");
  await button(page, "Share").click();
  await row(page, "guest1").waitFor();
  await his.reload();
  await choose(his, "together", "Leave");
  await button(his.getByRole("dialog", { name: "Leave together?" }), "Leave").click();
  await his.getByText("You have no folder yet").waitFor();
  equal((await dav(bob, "GET", `${ann.folders.together}/a.txt`)).status, 404);
  await page.reload();
  await page.getByText("Nobody else has access yet.").waitFor();
});

await scenario("invitations", async ({ context, newContext }) => {
  const ann = await user("inviter", { folders: ["offer", "second"] });
  const bob = await user("invitee");
  await must(admin, "PATCH", "/api/davit/users/invitee", { email: "invitee@example.org" });
  const page = await signIn(context, ann.name, ann.password, `/#/folders/${ann.folders.offer}`);
  await page.getByRole("combobox", { name: "Name or e-mail address" }).fill("invitee@example.org");
  await page.getByLabel("May", { exact: true }).selectOption("Read and edit");
  await button(page, "Invite").click();
  await said(page, "is invited.");
  await page.getByRole("heading", { name: "Invited, no answer yet" }).waitFor();
  await looked(page, "invited");
  await must(ann, "POST", "/api/davit/invitations", { folderId: ann.folders.second, users: ["invitee"], permission: "READ" });

  const his = await signIn(await newContext(), bob.name, bob.password);
  await his.getByRole("link", { name: /^Folders.*2 invitations wait for you/ }).waitFor();
  await his.getByRole("link", { name: "Invitations (2)" }).click();
  await his.getByText("inviter invites you to offer.").waitFor();
  await looked(his, "invitations");
  await button(his, "Accept offer").click();
  await said(his, "offer is in your list now.");
  await button(his, "Reject second").click();
  await his.getByText("No invitations").waitFor();
  await his.getByRole("link", { name: "Invitations", exact: true }).waitFor();
  equal((await dav(bob, "PUT", `${ann.folders.offer}/x`, "x")).status, 201);
  equal((await dav(bob, "GET", `${ann.folders.second}/`)).status, 404);
  await looked(his, "invitations-none");

  // What was sent is listed, and can be taken back.
  await must(ann, "POST", "/api/davit/invitations", { folderId: ann.folders.second, users: ["invitee"], permission: "READ" });
  await goTo(page, "#/invitations");
  await row(page, "second").waitFor();
  await looked(page, "invitations-sent");
  await button(page, "Withdraw the invitation of invitee").click();
  await row(page, "second").waitFor({ state: "detached" });
  equal((await must(bob, "GET", "/api/davit/invitations")).received, []);
});

await scenario("folders of projects, groups, and what members may", async ({ context, newContext }) => {
  const pi = await user("leader");
  const bob = await user("member1");
  const eve = await user("member2");
  const project = await must(admin, "POST", "/api/davit/projects", { title: "Chemistry", pi: "leader" });
  for (const name of ["member1", "member2"]) await must(pi, "PUT", `/api/davit/projects/${project.id}/members/${name}`, { role: "USER" });
  const group = await must(pi, "POST", `/api/davit/projects/${project.id}/groups`, { title: "Lab 2" });
  await must(pi, "PUT", `/api/davit/groups/${group.id}/members/member1`);
  await folder(pi, "private");
  const page = await signIn(context, pi.name, pi.password);
  await button(page, "Create a folder").click();
  const dialog = page.getByRole("dialog", { name: "Create a folder" });
  await dialog.getByLabel("Title").fill("Series");
  await dialog.getByLabel("For").selectOption("The project Chemistry");
  await dialog.getByText("0 of 6 folders").waitFor();
  await looked(page, "create-project");
  await button(dialog, "Create").click();
  await page.waitForURL(/#\/files\/[0-9a-f]{32}$/);
  const id = page.url().split("/").pop();
  equal((await must(pi, "GET", `/api/davit/folders/${id}`)).project.title, "Chemistry");

  await goTo(page, `#/folders/${id}`);
  await page.getByLabel("Group", { exact: true }).selectOption("Lab 2 of Chemistry (1 member)");
  await page.getByLabel("The group may").selectOption("Read and edit");
  await button(page, "Share with the group").click();
  await said(page, "Lab 2 can read and edit now.");
  await row(page, "Lab 2").getByText("Who is that?").click();
  await row(page, "Lab 2").getByText("member1").waitFor();
  await row(page, "PIs and administrators").getByText("Who is that?").click();
  await row(page, "PIs and administrators").getByText("leader").waitFor();
  await looked(page, "project-sharing");
  equal((await dav(bob, "PUT", `${id}/m.txt`, "m")).status, 201);
  equal((await dav(eve, "GET", `${id}/m.txt`)).status, 404);
  await page.getByLabel("What all members may").selectOption("Read");
  await said(page, "What the members may is changed.");
  equal((await dav(eve, "GET", `${id}/m.txt`)).text, "m");
  await page.getByLabel("What all members may").selectOption("Nothing");
  await eventually("members are out again", async () => (await dav(eve, "GET", `${id}/m.txt`)).status === 404);

  const his = await signIn(await newContext(), bob.name, bob.password);
  await row(his, "Series").getByText("Chemistry").waitFor();
  equal(await entries(his, "Series"), ["Open", "Who has access", "Details", "Mount", "Rename", "Labels", "Delete"]);
  await choose(his, "Series", "Who has access");
  await row(his, "Lab 2").getByText("Read and edit").waitFor();
  await looked(his, "project-member");
});

await scenario("details: addresses, use, locks, and the history", async ({ context, newContext }) => {
  const ann = await user("detailed", { folders: ["things"] });
  const bob = await user("locker");
  await share(ann, ann.folders.things, bob.name, ["READ", "EDIT"]);
  await dav(bob, "PUT", `${ann.folders.things}/held.txt`, "mine");
  equal((await lock(bob, `${ann.folders.things}/held.txt`)).status, 200);
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const page = await signIn(context, ann.name, ann.password);
  await page.getByRole("link", { name: "In use" }).click();
  await page.getByRole("heading", { name: "In use by" }).waitFor();
  await page.getByRole("button", { name: "Copy: WebDAV address" }).click();
  await said(page, "Copied.");
  equal(await page.evaluate(() => navigator.clipboard.readText()), `${server}/dav/${ann.folders.things}/`);
  await page.getByText(ann.folders.things, { exact: true }).waitFor();
  const held = row(page, "held.txt");
  await held.getByText("her <b>laptop</b>").waitFor();
  await held.getByText("locker").waitFor();
  await looked(page, "details");
  equal((await dav(ann, "PUT", `${ann.folders.things}/held.txt`, "hers")).status, 423);
  await button(held, "Remove").click();
  await button(page.getByRole("dialog", { name: "Remove the lock?" }), "Remove").click();
  await page.getByText("Nothing in it is locked.").waitFor();
  equal((await dav(ann, "PUT", `${ann.folders.things}/held.txt`, "hers")).status, 204);
  await button(page, "Count again").click();
  await said(page, "The files are being counted.");
  await page.getByRole("link", { name: "Mount it on a computer" }).waitFor();

  await page.getByRole("link", { name: "History" }).click();
  await page.getByText("detailed created the folder as things.").waitFor();
  await page.getByText("detailed let locker in: read and edit.").waitFor();
  await page.getByText("detailed removed the lock of locker on held.txt.").waitFor();
  await looked(page, "history");
  await page.getByLabel("Show").selectOption("Access");
  await page.getByText("created the folder").waitFor({ state: "detached" });
  await page.getByText("detailed let locker in: read and edit.").waitFor();

  // A long history comes page by page.
  for (let i = 0; i < 60; i++) await must(ann, "POST", "/api/files/collections/rename", { items: [{ id: ann.folders.things, newTitle: `things ${i}` }] });
  await page.getByLabel("Show").selectOption("The folder itself");
  await page.getByText("detailed renamed it from things 58 to things 59.").waitFor();
  check(!(await page.getByText("created the folder").isVisible()), "all at once");
  await button(page, "Show older").click();
  await page.getByText("detailed created the folder as things.").waitFor();

  // Who may not manage it sees no history, and no foreign lock can be removed.
  const his = await signIn(await newContext(), bob.name, bob.password, `/#/folders/${ann.folders.things}/details`);
  await his.getByRole("heading", { name: "Locks" }).waitFor();
  check(!(await his.getByRole("link", { name: "History" }).isVisible()), "a guest sees the history");
  equal((await lock(ann, `${ann.folders.things}/hers.txt`)).status, 201);
  await his.reload();
  await row(his, "hers.txt").waitFor();
  check(!(await button(row(his, "hers.txt"), "Remove").isVisible()), "a guest may remove her lock");
});

await scenario("refusals are in words that help", async ({ context }) => {
  const ann = await user("refused", { folders: ["one", "two", "three", "four", "five"] });
  const page = await signIn(context, ann.name, ann.password);
  const dialog = page.getByRole("dialog", { name: "Create a folder" });
  await button(page, "Create a folder").click();
  await dialog.getByLabel("Title").fill("ONE");
  await button(dialog, "Create").click();
  await dialog.getByText("There is a folder of this title already.").waitFor();
  await dialog.getByLabel("Title").fill("six");
  await button(dialog, "Create").click();
  await page.waitForURL(/#\/files\//);
  await goTo(page, "#/");
  await button(page, "Create a folder").click();
  await dialog.getByText("There is no room for one more folder.").waitFor();
  await dialog.getByLabel("Title").fill("seven");
  await button(dialog, "Create").click();
  await dialog.getByText(/^the owner has 6 of at most 6 folders; delete one, or ask/).waitFor();
  await looked(page, "create-full");
  await page.keyboard.press("Escape");
  equal((await titles(ann)).length, 6);

  // Restoring counts too.
  await choose(page, "six", "Delete");
  await button(page.getByRole("dialog"), "Delete").click();
  await row(page, "six").waitFor({ state: "detached" });
  await folder(ann, "instead");
  await goTo(page, "#/deleted");
  await button(page, "Restore six").click();
  await said(page, /6 of at most 6 folders/);

  // What is not there, or somebody else's, is one and the same.
  const other = await user("stranger9", { folders: ["hidden"] });
  for (const id of [other.folders.hidden, "0".repeat(32), "nonsense"]) {
    await goTo(page, `#/folders/${id}`);
    await page.getByText("This folder is not there any more").waitFor();
  }
});

await scenario("everything by keyboard: create, share, delete, restore", async ({ context }) => {
  const ann = await user("keys");
  await user("keyguest");
  const page = await signIn(context, ann.name, ann.password);
  await page.getByText("You have no folder yet").waitFor();
  // to moves the focus by Tab until it is on what has this name; it is always to be seen.
  const to = async (role, name) => {
    for (let i = 0; i < 60; i++) {
      await page.keyboard.press("Tab");
      const there = await page.evaluate(() => {
        const el = document.activeElement;
        const style = getComputedStyle(el);
        return { outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0, body: el === document.body };
      });
      const target = page.getByRole(role, { name, exact: true }).and(page.locator(":focus"));
      if ((await target.count()) > 0) {
        check(there.outlined, `the focus on ${name} is not to be seen`);
        return;
      }
    }
    throw new Error(`Tab does not come to ${role} ${name}`);
  };
  const press = (...keys) => keys.reduce((p, k) => p.then(() => page.keyboard.press(k)), Promise.resolve());
  await to("button", "Create your first folder");
  await press("Enter");
  await page.getByText("0 of 6 folders").waitFor();
  await page.getByRole("textbox", { name: "Title" }).and(page.locator(":focus")).waitFor();
  await page.keyboard.type("By hand");
  await press("Enter");
  await page.waitForURL(/#\/files\//);
  await goTo(page, "#/");
  await row(page, "By hand").waitFor();
  await to("button", "Actions for By hand");
  await press("Enter", "ArrowDown");
  await page.getByRole("menuitem", { name: "Share" }).and(page.locator(":focus")).waitFor();
  await press("Enter");
  await page.getByText("Nobody else has access yet.").waitFor();
  await to("combobox", "Name or e-mail address");
  await page.keyboard.type("keyg");
  await page.getByRole("option", { name: "keyguest" }).waitFor();
  await press("ArrowDown", "Enter", "Enter");
  await row(page, "keyguest").waitFor();
  await goTo(page, "#/");
  await row(page, "By hand").waitFor();
  await to("button", "Actions for By hand");
  await press("Enter", "End");
  await page.getByRole("menuitem", { name: "Delete" }).and(page.locator(":focus")).waitFor();
  await press("Enter");
  await page.getByText("It is empty.").waitFor();
  await to("button", "Delete");
  await press("Enter");
  await page.getByText("You have no folder yet").waitFor();
  equal(await titles(ann), []);
  await goTo(page, "#/deleted");
  await row(page, "By hand").waitFor();
  await to("button", "Restore By hand");
  await press("Enter");
  await page.getByText("No deleted folders").waitFor();
  equal(await titles(ann), ["By hand"]);
});
