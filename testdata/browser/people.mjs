// Users, projects and products, as administrators and those who lead projects manage them.
import { admin, api, check, checkAxe, dav, equal, eventually, focused, folder, must, onDisk, scenario, shot, signIn, user } from "./harness.mjs";
import { existsSync } from "node:fs";

const asAdmin = (context, path = "/#/admin/users") => signIn(context, admin.name, admin.password, path);

/** The dialog that is open, by its heading. */
const dialog = (page, name) => page.getByRole("dialog", { name });

/** Chooses from the menu of a row. */
async function choose(page, menu, item) {
  await page.getByRole("button", { name: menu, exact: true }).click();
  await page.getByRole("menuitem", { name: item, exact: true }).click();
}

/** What the page says of something done. */
const told = (page, text) => page.getByRole("status").filter({ hasText: text }).first().waitFor();

/** No sideways scrolling at 360 px. */
async function fits(page) {
  const before = page.viewportSize();
  await page.setViewportSize({ width: 360, height: 740 });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  check(wide <= 0, `${page.url()} is ${wide} px too wide at 360 px`);
  await page.setViewportSize(before);
}

/** What comes back to a page looks at what has changed meanwhile. */
const lookedAtAgain = (page) => page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));

const status = async (who, path = "/api/davit/me") => (await api(who, "GET", path)).status;

await scenario("an administrator makes a user", async ({ context }) => {
  const page = await asAdmin(context);
  await page.getByRole("heading", { level: 1, name: "Users" }).waitFor();
  await page.getByRole("button", { name: "New user" }).click();
  const form = dialog(page, "New user");
  const name = form.getByLabel("User name");
  const create = form.getByRole("button", { name: "Create" });
  for (const [wrong, words] of [["", "Write a name"], ["a:b", "must not contain"], ["x".repeat(65), "65 characters"], ["..", "dots"], ["admin", "There is a user admin already"]]) {
    await name.fill(wrong);
    await create.click();
    await form.getByText(words).waitFor();
    equal(await name.getAttribute("aria-invalid"), "true", wrong);
    await focused(name);
  }
  await name.fill("Zoë new");
  await form.getByLabel("E-mail address").fill("zoe@example.org");
  await form.getByText("Limits", { exact: true }).click();
  const bytes = form.getByRole("group", { name: "Bytes in each folder" });
  await bytes.getByLabel("Bytes in each folder", { exact: true }).selectOption({ label: "Own limit" });
  for (const wrong of ["", "much", "-5 GiB", "0", "5 elephants", "1e99"]) {
    await bytes.getByLabel(/^Most bytes/).fill(wrong);
    await create.click();
    await form.getByText("Bytes in each folder: write a size").waitFor();
    equal((await api(admin, "GET", "/api/davit/users/Zo%C3%AB%20new")).status, 404, wrong);
  }
  await bytes.getByLabel(/^Most bytes/).fill("1.5 MiB");
  const files = form.getByRole("group", { name: "Files in each folder" });
  await files.getByLabel("Files in each folder", { exact: true }).selectOption({ label: "No limit" });
  await checkAxe(page);
  await shot(page, "create");
  await create.click();
  const once = dialog(page, "First password of Zoë new");
  const password = (await once.getByRole("group", { name: "Password" }).getByRole("code").innerText()).trim();
  check(/^[a-z2-9]{5}(-[a-z2-9]{5}){3}$/.test(password), `the password is ${password}`);
  await checkAxe(page);
  await once.getByRole("button", { name: "I have noted it" }).click();
  await once.waitFor({ state: "detached" });
  equal(await page.getByText(password).count(), 0, "the password is shown once");
  await page.getByRole("link", { name: "Zoë new" }).waitFor();
  const zoe = { name: "Zoë new", password };
  equal(await status(zoe), 200, "the password works");
  const made = await must(admin, "GET", "/api/davit/users/Zo%C3%AB%20new");
  equal([made.email, made.admin, made.limits], ["zoe@example.org", false, { maxFolders: "default", maxBytes: 1572864, maxFiles: null }]);

  // A typed password, and none.
  await page.getByRole("button", { name: "New user" }).click();
  await form.getByLabel("User name").fill("typed");
  await form.getByRole("radio", { name: /Type a password/ }).check();
  await form.getByLabel("New password").fill("what we said");
  await form.getByLabel("Administrator").check();
  await create.click();
  await form.waitFor({ state: "detached" });
  equal((await must({ name: "typed", password: "what we said" }, "GET", "/api/davit/me")).admin, true);
  await page.getByRole("button", { name: "New user" }).click();
  await form.getByLabel("User name").fill("tokens only");
  await form.getByRole("radio", { name: /No password/ }).check();
  await create.click();
  await form.waitFor({ state: "detached" });
  equal((await must(admin, "GET", "/api/davit/users/tokens%20only")).hasPassword, false);
  await page.getByLabel("Administrators only").check();
  await page.getByRole("link", { name: "tokens only" }).waitFor({ state: "detached" });
  await page.getByRole("link", { name: "typed" }).waitFor();
  await must(admin, "DELETE", "/api/davit/users/typed");
});

await scenario("e-mail, administrators, and the last of them", async ({ context }) => {
  await user("edna");
  const page = await asAdmin(context);
  await choose(page, "Actions for edna", "Edit");
  let form = dialog(page, "Edit edna");
  await form.getByLabel("E-mail address").fill("edna@example.org");
  await form.getByLabel("Administrator").check();
  await form.getByRole("button", { name: "Save" }).click();
  await told(page, "Saved.");
  const now = await must(admin, "GET", "/api/davit/users/edna");
  equal([now.email, now.admin], ["edna@example.org", true]);
  await page.getByRole("cell", { name: "edna@example.org" }).waitFor();
  await choose(page, "Actions for edna", "Edit");
  await form.getByLabel("Administrator").uncheck();
  await form.getByRole("button", { name: "Save" }).click();
  await form.waitFor({ state: "detached" });
  equal((await must(admin, "GET", "/api/davit/users/edna")).admin, false);

  await choose(page, "Actions for admin", "Edit");
  form = dialog(page, "Edit admin");
  await form.getByLabel("Administrator").uncheck();
  await form.getByText("This is you").waitFor();
  await form.getByRole("button", { name: "Save" }).click();
  await form.getByText("admin is the last administrator. Make somebody else an administrator first.").waitFor();
  await checkAxe(page);
  await form.getByRole("button", { name: "Cancel" }).click();
  await choose(page, "Actions for admin", "Delete");
  form = dialog(page, "Delete admin?");
  await form.getByRole("button", { name: "Delete user" }).click();
  await form.getByText("admin is the last administrator").waitFor();
  equal(await status(admin), 200);
});

await scenario("limits hold at once", async ({ context }) => {
  const lena = await user("lena", { folders: ["papers"] });
  equal((await dav(lena, "PUT", `${lena.folders.papers}/old`, "x".repeat(3000))).status, 201);
  await eventually("the usage is written down", async () => (await must(admin, "GET", "/api/davit/users/lena")).usage.bytes === 3000);
  const page = await asAdmin(context);
  await choose(page, "Actions for lena", "Change limits");
  const form = dialog(page, "Limits of lena");
  const group = (name) => form.getByRole("group", { name });
  const own = async (name, label, text) => {
    await group(name).getByLabel(name, { exact: true }).selectOption({ label: "Own limit" });
    await group(name).getByLabel(label).fill(text);
  };
  await form.getByText("Server's default (1 GiB)").waitFor({ state: "attached" });
  await own("Folders", /^Most folders/, "1");
  await own("Bytes in each folder", /^Most bytes/, "2 KiB");
  await group("Bytes in each folder").getByText("1 folder holds more than that").waitFor(); // D12
  await own("Files in each folder", /^Most files/, "many");
  await form.getByRole("button", { name: "Save" }).click();
  await form.getByText("Files in each folder: write a whole number").waitFor();
  await group("Files in each folder").getByLabel(/^Most files/).fill("0");
  await form.getByRole("button", { name: "Save" }).click();
  await form.getByText("Files in each folder: write a whole number").waitFor();
  await group("Files in each folder").getByLabel(/^Most files/).fill("1,000");
  await checkAxe(page);
  await shot(page, "limits");
  await form.getByRole("button", { name: "Save" }).click();
  await told(page, "Saved.");
  equal((await must(admin, "GET", "/api/davit/users/lena")).limits, { maxFolders: 1, maxBytes: 2048, maxFiles: 1000 });
  equal((await dav(lena, "PUT", `${lena.folders.papers}/more`, "x")).status, 507, "more into what is over its limit");
  equal((await dav(lena, "GET", `${lena.folders.papers}/old`)).status, 200);
  check((await api(lena, "POST", "/v2/folder/create", { name: "second" })).status >= 400, "a second folder");

  // The page of the user says the same, and the limit goes away there.
  await page.getByRole("link", { name: "lena" }).click();
  await page.getByRole("heading", { level: 1, name: "lena" }).waitFor();
  await page.getByText("2.9 KiB of 2 KiB").first().waitFor();
  await checkAxe(page);
  await shot(page, "user");
  await fits(page);
  await page.getByRole("button", { name: "Change limits" }).click();
  equal(await group("Bytes in each folder").getByLabel(/^Most bytes/).inputValue(), "2 KiB");
  await group("Bytes in each folder").getByLabel("Bytes in each folder", { exact: true }).selectOption({ label: "No limit" });
  await form.getByRole("button", { name: "Save" }).click();
  await form.waitFor({ state: "detached" });
  equal((await dav(lena, "PUT", `${lena.folders.papers}/more`, "x")).status, 201);

  // The quota of all folders together.
  await page.getByRole("button", { name: "Change the quota in davit/standard" }).click();
  const quota = dialog(page, "Quota in davit/standard");
  await quota.getByLabel("Quota", { exact: true }).selectOption({ label: "Own limit" });
  await quota.getByLabel(/^Most bytes of all folders/).fill("nothing");
  await quota.getByRole("button", { name: "Save" }).click();
  await quota.getByText("write a size such as").waitFor();
  await quota.getByLabel(/^Most bytes of all folders/).fill("1k");
  await quota.getByText("That is less than is used").waitFor();
  await quota.getByRole("button", { name: "Save" }).click();
  await quota.waitFor({ state: "detached" });
  equal((await dav(lena, "PUT", `${lena.folders.papers}/third`, "x")).status, 507, "over the quota");
});

await scenario("a new password ends sessions", async ({ context, newContext }) => {
  const nina = await user("nina");
  const hers = await signIn(await newContext(), nina.name, nina.password);
  await hers.getByRole("button", { name: /Menu of nina/ }).waitFor();
  const page = await asAdmin(context, "/#/admin/users/nina");
  await page.getByRole("button", { name: "Set password" }).click();
  const form = dialog(page, "Set a password for nina");
  await form.getByRole("radio", { name: /Type a password/ }).check();
  await form.getByRole("button", { name: "Set password" }).click();
  equal(await status(nina), 200, "an empty password changes nothing");
  await form.getByLabel("New password").fill("quite another");
  await checkAxe(page);
  await form.getByRole("button", { name: "Set password" }).click();
  await told(page, "The password is changed.");
  equal([await status(nina), await status({ ...nina, password: "quite another" })], [401, 200]);
  await hers.reload();
  await hers.getByRole("button", { name: "Sign in" }).waitFor();
  await page.getByRole("button", { name: "Set password" }).click();
  await form.getByRole("radio", { name: /No password/ }).check();
  await form.getByRole("button", { name: "Set password" }).click();
  await told(page, "The password is removed.");
  equal(await status({ ...nina, password: "quite another" }), 401);
  await page.getByText("No password", { exact: true }).waitFor();
});

await scenario("sessions, tokens and keys are ended", async ({ context, newContext }) => {
  const rita = await user("rita");
  const first = await must(rita, "POST", "/api/davit/tokens", { title: "<b>laptop\u202e" });
  const second = await must(rita, "POST", "/api/davit/tokens", { title: "backup", readOnly: true });
  await must(rita, "POST", "/api/davit/keys", {});
  const hers = await signIn(await newContext({ userAgent: "Rita's browser" }), rita.name, rita.password);
  await hers.getByRole("button", { name: /Menu of rita/ }).waitFor();
  const by = (token) => status({ name: "rita", password: token.token });
  equal([await by(first), await by(second)], [200, 200]);
  const page = await asAdmin(context, "/#/admin/users/rita");
  await page.getByRole("table", { name: "Tokens and mounts" }).getByText("<b>laptop").waitFor();
  await page.getByText("U+202E").waitFor();
  await checkAxe(page);
  await shot(page, "access");
  await page.getByRole("button", { name: "End backup" }).click();
  const sure = dialog(page, "End backup?");
  await sure.getByRole("button", { name: "Cancel" }).click();
  equal(await by(second), 200);
  await page.getByRole("button", { name: "End backup" }).click();
  await sure.getByRole("button", { name: "End" }).click();
  await told(page, "Ended.");
  equal([await by(first), await by(second)], [200, 401]);
  await page.getByRole("button", { name: "End session of Rita's browser" }).click();
  await dialog(page, "End session?").getByRole("button", { name: "End" }).click();
  await page.getByText("No sessions.").waitFor();
  await hers.reload();
  await hers.getByRole("button", { name: "Sign in" }).waitFor();
  await page.getByRole("button", { name: "Sign out everywhere" }).click();
  await dialog(page, "Sign rita out everywhere?").getByRole("button", { name: "Sign out everywhere" }).click();
  await page.getByText("No tokens or mounts.").waitFor();
  await page.getByText("No keys.").waitFor();
  equal([await by(first), await status(rita)], [401, 200]);
});

await scenario("users go, and their folders go or stay", async ({ context }) => {
  const [gone, lost, heir] = [await user("gone", { folders: ["kept"] }), await user("lost", { folders: ["trash"] }), await user("heir")];
  await user("empty");
  equal((await dav(gone, "PUT", `${gone.folders.kept}/a`, "worth it")).status, 201);
  const page = await asAdmin(context);
  await choose(page, "Actions for gone", "Delete");
  let form = dialog(page, "Delete gone?");
  await form.getByText("The user owns 1 folder").waitFor();
  await form.getByRole("button", { name: "Delete user" }).click();
  await form.getByText("Choose what becomes of the folders.").waitFor();
  await form.getByRole("radio", { name: /Hand over/ }).check();
  await form.getByRole("button", { name: "Delete user" }).click();
  await form.getByText("Write who gets the folders.").waitFor();
  await form.getByRole("combobox", { name: "New owner" }).fill("nobody here");
  await form.getByRole("button", { name: "Delete user" }).click();
  await form.getByText(/there is no user/).waitFor();
  equal(await status(gone), 200);
  await form.getByRole("combobox", { name: "New owner" }).fill("hei");
  await form.getByRole("option", { name: "heir" }).click();
  await checkAxe(page);
  await shot(page, "delete");
  await form.getByRole("button", { name: "Delete user" }).click();
  await told(page, "gone is deleted.");
  await page.getByRole("link", { name: "gone" }).waitFor({ state: "detached" });
  await page.waitForFunction(() => document.activeElement?.tagName === "H1"); // what had the focus is gone
  equal(await status(gone), 401);
  equal((await dav(heir, "GET", `${gone.folders.kept}/a`)).text, "worth it");

  // From the user's page, with the folders.
  await page.goto("/#/admin/users/lost");
  await page.getByRole("button", { name: "Delete" }).click();
  form = dialog(page, "Delete lost?");
  await form.getByRole("radio", { name: /Delete the folders/ }).check();
  await form.getByRole("button", { name: "Delete user" }).click();
  await form.getByText("Tick this if it is what you want.").waitFor();
  equal(await status(lost), 200);
  await form.getByLabel(/Delete 1 folder with/).check();
  await form.getByRole("button", { name: "Delete user" }).click();
  await page.getByRole("heading", { level: 1, name: "Users" }).waitFor();
  equal(await status(lost), 401);
  await eventually("the bytes are gone", () => !existsSync(onDisk(lost.folders.trash)));
  await page.goto("/#/admin/users/lost");
  await page.getByText("There is no user with this name").waitFor();
  await page.getByRole("link", { name: "All users" }).click();

  // Who has nothing goes at once; the last PI of a project does not without a successor.
  await must(admin, "POST", "/api/davit/projects", { title: "Handed on", pi: "empty" });
  await choose(page, "Actions for empty", "Delete");
  form = dialog(page, "Delete empty?");
  await form.getByText("The user owns no folders.").waitFor();
  await form.getByRole("button", { name: "Delete user" }).click();
  await form.getByText(/last PI of the project/).waitFor();
  await form.getByRole("radio", { name: /Hand over/ }).check();
  await form.getByRole("combobox", { name: "New owner" }).fill("heir");
  await form.getByRole("button", { name: "Delete user" }).click();
  await told(page, "empty is deleted.");
  check((await must(heir, "GET", "/api/davit/projects")).items.some((p) => p.title === "Handed on" && p.role === "PI"), "the heir leads the project");
});

await scenario("a thousand users", async ({ context, requests }) => {
  for (let i = 0; i < 1000; i += 50) {
    await Promise.all(Array.from({ length: 50 }, (_, k) => must(admin, "POST", "/api/davit/users", { name: `crowd${String(i + k).padStart(4, "0")}`, email: `c${i + k}@crowd.example` })));
  }
  const page = await asAdmin(context);
  await page.getByRole("link", { name: "crowd0001" }).waitFor();
  const rows = () => page.getByRole("table", { name: "Users" }).getByRole("row").count();
  check((await rows()) <= 51, `${await rows()} rows`);
  const pager = page.getByRole("navigation", { name: "Pages of users" });
  await pager.getByRole("button", { name: "Next" }).click();
  await pager.getByText("Page 2").waitFor();
  await page.getByRole("link", { name: "crowd0001" }).waitFor({ state: "detached" });
  check((await rows()) <= 51, `${await rows()} rows`);
  await focused(pager.getByRole("button", { name: "Next" })); // where it was
  await pager.getByRole("button", { name: "Previous" }).click();
  await page.getByRole("link", { name: "crowd0001" }).waitFor();
  const before = requests.length;
  await page.getByRole("searchbox", { name: /Search/ }).fill("CROWD0777");
  await page.getByRole("link", { name: "crowd0777" }).waitFor();
  await page.getByRole("link", { name: "crowd0001" }).waitFor({ state: "detached" });
  equal(await rows(), 2);
  check(requests.slice(before).filter((r) => r.path.startsWith("/api/davit/users?")).length <= 3, "a search is asked for when typing rests");
  await page.getByRole("searchbox", { name: /Search/ }).fill("c321@crowd");
  await page.getByRole("link", { name: "crowd0321" }).waitFor();
  await page.getByRole("searchbox", { name: /Search/ }).fill("nobody is called so");
  await page.getByText("No users found").waitFor();
  await page.reload(); // the place knows what is searched for
  await page.getByText("No users found").waitFor();
  await checkAxe(page);
  await page.goto("/#/admin/users");
  await page.getByRole("link", { name: "crowd0001" }).waitFor();
  await checkAxe(page);
  await shot(page, "users");
  await fits(page);
});

await scenario("hostile names", async ({ context }) => {
  const names = ["<img src=x onerror=alert(1)>", "\u202egnp.exe", "100%", "a&b=c#d?e", "ann\u200b", "…'\"`"];
  for (const name of names) await user(name, { folders: ["<script>"] });
  const page = await asAdmin(context);
  for (const name of names) {
    await page.goto(`/#/admin/users/${encodeURIComponent(name)}`);
    await page.getByText("The fullest folder").first().waitFor();
    await page.getByRole("table", { name: "Folders" }).getByText("<script>").waitFor();
    equal(await page.locator("img, main script").count(), 0, name);
  }
  await page.goto("/#/admin/users?query=gnp");
  await page.getByText("U+202E").waitFor();
  await choose(page, "Actions for ⟨U+202E⟩gnp.exe", "Edit");
  await page.getByRole("dialog").getByLabel("E-mail address").fill("x@example.org\u202e");
  await page.getByRole("button", { name: "Save" }).click();
  await told(page, "Saved.");
  equal((await must(admin, "GET", `/api/davit/users/${encodeURIComponent("\u202egnp.exe")}`)).email, "x@example.org\u202e");
  await checkAxe(page);
  // In a project as well, whose name is as bad.
  const project = await must(admin, "POST", "/api/davit/projects", { title: "<b>\u2066%41/..\u202e" });
  await page.goto(`/#/admin/projects/${project.id}`);
  for (const name of ["100%", "a&b=c#d?e"]) {
    await page.getByRole("button", { name: "Add a member" }).click();
    const form = dialog(page, "Add a member");
    await form.getByRole("combobox", { name: "User name" }).fill(name);
    await form.getByRole("button", { name: "Add", exact: true }).click();
    await form.waitFor({ state: "detached" });
    await page.getByRole("cell", { name, exact: true }).waitFor();
  }
  equal((await must(admin, "GET", `/api/davit/projects/${project.id}/members`)).items.length, 3);
  await page.getByRole("button", { name: "Remove 100%" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
  await page.getByRole("cell", { name: "100%", exact: true }).waitFor({ state: "detached" });
});

await scenario("an administrator keeps projects", async ({ context }) => {
  const [paul, mia] = [await user("paul"), await user("mia")];
  const page = await asAdmin(context, "/#/admin/projects");
  await page.getByRole("button", { name: "New project" }).click();
  let form = dialog(page, "New project");
  await form.getByRole("button", { name: "Create" }).click();
  await form.getByText("Write a name.").waitFor();
  await form.getByLabel("Name", { exact: true }).fill("Physics");
  await form.getByRole("combobox", { name: /PI/ }).fill("nobody");
  await form.getByRole("button", { name: "Create" }).click();
  await form.getByText("There is no user nobody.").waitFor();
  await form.getByRole("combobox", { name: /PI/ }).fill("paul");
  await form.getByRole("button", { name: "Create" }).click();
  await page.getByRole("heading", { level: 1, name: "Physics" }).waitFor();
  const [project] = (await must(paul, "GET", "/api/davit/projects")).items;
  equal([project.title, project.role], ["Physics", "PI"]);
  await page.goto("/#/admin/projects");
  await page.getByRole("button", { name: "New project" }).click();
  await form.getByLabel("Name", { exact: true }).fill("Physics");
  await form.getByRole("button", { name: "Create" }).click();
  await form.getByText("There is a project with this name already.").waitFor();
  await form.getByRole("button", { name: "Cancel" }).click();
  await choose(page, "Actions for Physics", "Rename");
  form = dialog(page, "Rename Physics");
  await form.getByLabel("Name", { exact: true }).fill("Physics Lab");
  await form.getByRole("button", { name: "Save" }).click();
  await page.getByRole("link", { name: "Physics Lab" }).waitFor();
  equal((await must(paul, "GET", `/api/davit/projects/${project.id}`)).title, "Physics Lab");
  await page.getByRole("searchbox", { name: /Search/ }).fill("chemistry");
  await page.getByText("No projects found").waitFor();
  await page.getByRole("searchbox", { name: /Search/ }).fill("LAB");
  await checkAxe(page);
  await shot(page, "projects");
  await fits(page);
  await page.getByRole("link", { name: "Physics Lab" }).click();

  // Members, their roles, and what they see.
  const data = await folder(paul, "data", { project: project.id });
  equal((await dav(paul, "PUT", `${data}/a`, "seen by all")).status, 201);
  equal((await dav(mia, "GET", `${data}/a`)).status, 404, "who is no member");
  await page.getByRole("button", { name: "Add a member" }).click();
  form = dialog(page, "Add a member");
  await form.getByRole("combobox", { name: "User name" }).fill("nobody");
  await form.getByRole("button", { name: "Add", exact: true }).click();
  await form.getByText("There is no user nobody.").waitFor();
  await form.getByRole("combobox", { name: "User name" }).fill("paul");
  await form.getByRole("button", { name: "Add", exact: true }).click();
  await form.getByText("paul is a member already.").waitFor();
  await form.getByRole("combobox", { name: "User name" }).fill("mi");
  await form.getByRole("option", { name: "mia" }).click();
  await form.getByLabel("Role").selectOption("ADMIN");
  await checkAxe(page);
  await form.getByRole("button", { name: "Add", exact: true }).click();
  await told(page, "mia is a member now.");
  equal((await dav(mia, "GET", `${data}/a`)).text, "seen by all");
  await page.getByLabel("Role of paul").selectOption("USER"); // the last PI stays
  await page.getByText(/last PI of the project/).waitFor();
  await eventually("he is the PI again", async () => (await page.getByLabel("Role of paul").inputValue()) === "PI");
  await page.getByLabel("Role of mia").selectOption("USER");
  await told(page, "mia is User now.");
  equal((await must(mia, "GET", `/api/davit/projects/${project.id}`)).role, "USER");

  const hers = await must(admin, "GET", "/api/davit/users/mia");
  equal(hers.projects.map((p) => [p.title, p.role]), [["Physics Lab", "USER"]]);

  // Groups.
  await page.getByRole("button", { name: "New group" }).click();
  form = dialog(page, "New group");
  await form.getByLabel("Name", { exact: true }).fill("Readers");
  await form.getByRole("button", { name: "Create" }).click();
  await page.getByRole("cell", { name: "Readers", exact: true }).waitFor();
  await page.getByRole("button", { name: "New group" }).click();
  await form.getByLabel("Name", { exact: true }).fill("Readers");
  await form.getByRole("button", { name: "Create" }).click();
  await form.getByText("The project has a group with this name already.").waitFor();
  await form.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("button", { name: "Members of Readers" }).click();
  form = dialog(page, "Members of Readers");
  await form.getByLabel("Member of the project").selectOption("mia");
  await form.getByRole("button", { name: "Add", exact: true }).click();
  await form.getByRole("cell", { name: "mia", exact: true }).waitFor();
  await checkAxe(page);
  await shot(page, "group");
  const [group] = (await must(paul, "GET", `/api/davit/projects/${project.id}/groups`)).items;
  equal((await must(paul, "GET", `/api/davit/groups/${group.id}/members`)).items.map((m) => m.user), ["mia"]);
  await form.getByRole("button", { name: "Remove mia from the group" }).click();
  await form.getByText("Nobody is in this group.").waitFor();
  equal((await must(paul, "GET", `/api/davit/groups/${group.id}/members`)).items, []);
  await form.getByRole("button", { name: "Close" }).click();
  await choose(page, "Actions for the group Readers", "Rename");
  await dialog(page, "Rename Readers").getByLabel("Name", { exact: true }).fill("Writers");
  await dialog(page, "Rename Readers").getByRole("button", { name: "Save" }).click();
  await page.getByRole("cell", { name: "Writers", exact: true }).waitFor();
  await choose(page, "Actions for the group Writers", "Delete");
  await dialog(page, "Delete the group Writers?").getByRole("button", { name: "Delete" }).click();
  await page.getByText("No groups.").waitFor();
  equal((await must(paul, "GET", `/api/davit/projects/${project.id}/groups`)).items, []);

  // Limits and quota of the project.
  await page.getByRole("button", { name: "Change limits" }).click();
  form = dialog(page, "Limits of Physics Lab");
  await form.getByRole("group", { name: "Bytes in each folder" }).getByLabel("Bytes in each folder", { exact: true }).selectOption({ label: "Own limit" });
  await form.getByLabel(/^Most bytes/).fill("5 B");
  await form.getByRole("button", { name: "Save" }).click();
  await form.waitFor({ state: "detached" });
  equal((await dav(paul, "PUT", `${data}/b`, "more than five")).status, 507);
  await must(admin, "PATCH", `/api/davit/projects/${project.id}`, { limits: { maxBytes: null } });
  await page.getByRole("button", { name: "Change the quota in davit/standard" }).click();
  form = dialog(page, "Quota in davit/standard");
  await form.getByLabel("Quota", { exact: true }).selectOption({ label: "Own limit" });
  await form.getByLabel(/^Most bytes of all folders/).fill("12 B");
  await form.getByRole("button", { name: "Save" }).click();
  await form.waitFor({ state: "detached" });
  equal((await dav(paul, "PUT", `${data}/b`, "more than twelve")).status, 507);
  await page.reload();
  await page.getByText("11 B of 12 B").waitFor();
  await checkAxe(page);
  await shot(page, "project");
  await fits(page);

  // A member's page leads here.
  await page.goto("/#/admin/users/mia");
  await page.getByRole("link", { name: "Physics Lab" }).click();
  await page.getByRole("heading", { level: 1, name: "Physics Lab" }).waitFor();

  // Its end, with what it holds.
  await page.getByRole("button", { name: "Delete" }).click();
  form = dialog(page, "Delete Physics Lab?");
  await form.getByText(/The project has 1 folder/).waitFor();
  await form.getByRole("button", { name: "Delete project" }).click();
  await form.getByText("Tick this").waitFor();
  await form.getByLabel(/Delete 1 folder/).check();
  await form.getByRole("button", { name: "Delete project" }).click();
  await told(page, "The project Physics Lab is deleted.");
  equal(await status(paul, `/api/davit/projects/${project.id}`), 404);
  equal((await dav(paul, "GET", `${data}/a`)).status, 404);
});

await scenario("who leads a project manages it without being an administrator", async ({ context, newContext }) => {
  const [lead, member, friend] = [await user("lead"), await user("member"), await user("friend")];
  const project = await must(admin, "POST", "/api/davit/projects", { title: "Choir", pi: "lead" });
  await must(lead, "PUT", `/api/davit/projects/${project.id}/members/member`, { role: "USER" });
  const page = await signIn(context, lead.name, lead.password);
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Projects" }).click();
  await page.getByRole("heading", { level: 1, name: "Your projects" }).waitFor();
  equal(await page.getByRole("button", { name: "New project" }).count(), 0, "only administrators make projects here");
  await checkAxe(page);
  await page.getByRole("link", { name: "Choir" }).click();
  await page.getByRole("button", { name: "Add a member" }).click();
  const form = dialog(page, "Add a member");
  await form.getByRole("combobox", { name: "User name" }).fill("friend");
  await form.getByRole("button", { name: "Add", exact: true }).click();
  await told(page, "friend is a member now.");
  equal((await must(friend, "GET", `/api/davit/projects/${project.id}`)).role, "USER");
  equal(await page.getByRole("button", { name: "Change limits" }).count(), 0, "limits are for administrators");
  equal(await page.getByRole("button", { name: /Change the quota/ }).count(), 0);
  await page.getByLabel("Role of friend").selectOption("ADMIN");
  await told(page, "friend is Admin now.");
  await checkAxe(page);
  await shot(page, "lead");
  await fits(page);

  // An ADMIN makes no PI; a USER looks, and leaves.
  const hers = await signIn(await newContext(), friend.name, friend.password, `/#/projects/${project.id}`);
  equal(await hers.getByLabel("Role of member").getByRole("option", { name: "PI", exact: true }).isDisabled(), true);
  equal(await hers.getByLabel("Role of lead").count(), 0);
  equal(await hers.getByRole("button", { name: "Delete" }).count(), 0);
  await hers.getByRole("button", { name: "Remove member" }).click();
  await dialog(hers, "Remove member from Choir?").getByRole("button", { name: "Remove" }).click();
  await told(hers, "member is no member any more.");
  equal(await status(member, `/api/davit/projects/${project.id}`), 404);
  await must(lead, "PUT", `/api/davit/projects/${project.id}/members/friend`, { role: "USER" });
  await lookedAtAgain(hers);
  await hers.getByRole("button", { name: "Leave" }).waitFor();
  equal(await hers.getByRole("button", { name: "Add a member" }).count(), 0);
  equal(await hers.getByRole("combobox").count(), 0);
  await checkAxe(hers);
  await hers.getByRole("button", { name: "Leave" }).click();
  await dialog(hers, "Leave Choir?").getByRole("button", { name: "Leave" }).click();
  await hers.getByText("There are no projects yet").waitFor();
  equal(await status(friend, `/api/davit/projects/${project.id}`), 404);
  await hers.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Projects" }).waitFor({ state: "detached" });
  await hers.goto(`/#/projects/${project.id}`);
  await hers.getByText("There is no such project, or you are no member of it.").waitFor();
  await checkAxe(hers);

  // Who is put out while looking at it looks at nothing.
  await must(lead, "PUT", `/api/davit/projects/${project.id}/members/friend`, { role: "USER" });
  await hers.reload();
  await hers.getByRole("button", { name: "Leave" }).waitFor();
  await must(lead, "DELETE", `/api/davit/projects/${project.id}/members/friend`);
  await lookedAtAgain(hers);
  await hers.getByText("There is no such project, or you are no member of it.").waitFor();
  equal(await hers.getByRole("table").count(), 0, "lists of the project");
  await hers.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Projects" }).waitFor({ state: "detached" });
});

await scenario("products, and who is no administrator", async ({ context, newContext }) => {
  const page = await asAdmin(context, "/#/admin/products");
  await page.getByRole("heading", { level: 2, name: "standard" }).waitFor();
  const { products } = await must(admin, "GET", "/api/davit/products");
  check(products[0].volume.totalBytes > 0, "the volume answers");
  await page.getByText("--default-max-bytes").waitFor();
  await page.getByText("What can be done").click();
  await page.getByText("Trash for files: yes").waitFor();
  await checkAxe(page);
  await shot(page, "products");
  await fits(page);
  // The parts of the administration have places of their own, by keyboard too.
  const nav = page.getByRole("navigation", { name: "Administration" });
  await nav.getByRole("link", { name: "Users" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "Users" }).waitFor();
  equal(await nav.getByRole("link", { name: "Users" }).getAttribute("aria-current"), "page");
  await focused(page.getByRole("heading", { level: 1, name: "Users" }));
  await page.goto("/#/admin/none");
  await page.getByRole("heading", { level: 1, name: "There is nothing here" }).waitFor();

  const plain = await user("plain");
  const his = await signIn(await newContext(), plain.name, plain.password, "/#/admin/users");
  await his.getByText("This is for administrators").waitFor();
  equal(await his.getByRole("navigation", { name: "Main" }).getByRole("link", { name: /Administration|Projects/ }).count(), 0);
  await checkAxe(his);
  equal([await status(plain, "/api/davit/users"), await status(plain, "/api/davit/products")], [403, 403]);

  // Who is an administrator no more sees nothing of it, and keeps what was typed.
  await must(admin, "PATCH", "/api/davit/users/plain", { admin: true });
  await his.reload();
  await his.getByRole("button", { name: "New user" }).click();
  await dialog(his, "New user").getByRole("textbox", { name: "User name" }).fill("typed");
  await must(admin, "PATCH", "/api/davit/users/plain", { admin: false });
  await lookedAtAgain(his);
  await his.getByText("This is for administrators").waitFor();
  equal(await his.getByRole("table").count(), 0, "lists of users");
  equal(await dialog(his, "New user").getByRole("textbox", { name: "User name" }).inputValue(), "typed");
});
