// Signing in, the session, and one's own account.
//
// Some scenarios pretend to come through a proxy, from other addresses, with and without encryption:
// serve: --trusted-proxy 127.0.0.1/32
import { admin, api, check, checkAxe, dav, equal, eventually, focused, folder, must, restartServer, scenario, server, shot, signIn, startServer, stopServer, user } from "./harness.mjs";

/** Types a name and a password into the form, and sends it. */
async function typeIn(page, name, password) {
  await page.getByLabel("User name").fill(name);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

const form = (page) => page.getByRole("form", { name: "Sign in" });
const menuOf = (page, name) => page.getByRole("button", { name: `Menu of ${name}` });
const row = (page, text) => page.getByRole("row").filter({ hasText: text });
const sure = (page, action) => page.getByRole("dialog").getByRole("button", { name: action, exact: true }).click();
const fits = async (page) => check(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${page.url()} is wider than the window`);

/** Goes to a part of the account. */
async function part(page, name, heading) {
  await page.getByRole("navigation", { name: "Account" }).getByRole("link", { name, exact: true }).click();
  await page.getByRole("heading", { level: 2, name: heading }).waitFor();
}

await scenario("signs in, where one was going", async ({ context, page }) => {
  const ann = await user("ann");
  await page.goto("/#/account/password");
  await form(page).waitFor();
  equal(await page.title(), "Sign in – Davit");
  await focused(page.getByLabel("User name"));
  await page.getByText("Need help?").click();
  await page.getByText("admin-password").waitFor();
  await checkAxe(page);
  await shot(page, "signin");

  const password = page.getByLabel("Password", { exact: true });
  await password.dispatchEvent("keydown", { key: "A", modifierCapsLock: true });
  await page.getByText("Caps Lock is on.").waitFor();
  await password.dispatchEvent("keydown", { key: "A", modifierCapsLock: false });
  await page.getByText("Caps Lock is on.").waitFor({ state: "hidden" });
  await password.fill("wrong");
  await page.getByRole("button", { name: "Show: Password" }).click();
  equal(await password.getAttribute("type"), "text");
  await page.getByRole("button", { name: "Hide: Password" }).click();
  equal(await password.getAttribute("type"), "password");

  await typeIn(page, "ann", "wrong");
  await page.getByRole("alert").filter({ hasText: "The user name or the password is wrong." }).waitFor();
  equal([await password.inputValue(), await password.evaluate((e) => e === document.activeElement)], ["", true], "the password is to be typed again");
  equal(await page.getByLabel("User name").inputValue(), "ann");
  await checkAxe(page);
  await shot(page, "wrong");

  await typeIn(page, "ann", ann.password);
  await page.getByRole("heading", { name: "Change the password" }).waitFor();
  check(page.url().endsWith("/#/account/password"), page.url());
  await focused(page.getByRole("heading", { level: 1 }));
  const cookies = await context.cookies();
  const refresh = cookies.find((c) => c.name === "refreshToken");
  equal([refresh.httpOnly, refresh.sameSite, (await context.cookies(server + "/auth/x")).length, (await context.cookies(server + "/")).map((c) => c.name)], [true, "Strict", 2, ["csrfToken"]]);
  equal(await page.evaluate(() => [localStorage.length, sessionStorage.length]), [0, 0], "what the browser keeps");
  await page.reload();
  await page.getByRole("heading", { name: "Change the password" }).waitFor();

  await menuOf(page, "ann").click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.getByText("You are signed out.").waitFor();
  equal(await context.cookies(), []);
  await page.reload();
  await form(page).waitFor();
  await checkAxe(page);
});

await scenario("says what to do where passwords are not taken unencrypted", async ({ newContext }) => {
  const ann = await user("plain");
  const context = await newContext({ extraHTTPHeaders: { "X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "http" } });
  const page = await context.newPage();
  await page.goto("/");
  await typeIn(page, "plain", ann.password);
  const alert = page.getByRole("alert");
  await alert.getByText("--allow-plain-basic").waitFor();
  check((await alert.innerText()).includes(server.replace("http:", "https:")), "the address to open instead");
  await checkAxe(page);
  await shot(page, "plain");
});

await scenario("tells those who wait after wrong passwords", async ({ newContext }) => {
  const ann = await user("slow");
  const headers = { "X-Forwarded-For": "192.0.2.50", "X-Forwarded-Proto": "https" };
  const attempt = () => api(null, "POST", "/auth/login", "username=slow&password=no", { ...headers, "Content-Type": "application/x-www-form-urlencoded", Accept: "application/json" });
  await Promise.all(Array.from({ length: 10 }, attempt));
  const context = await newContext({ extraHTTPHeaders: headers });
  const page = await context.newPage();
  await page.goto("/#/account/keys");
  await typeIn(page, "slow", ann.password);
  await page.getByText("after wrong passwords the server answers slowly").waitFor();
  await checkAxe(page);
  await page.getByRole("heading", { name: "API keys" }).waitFor(); // it goes on by itself
  await menuOf(page, "slow").click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();

  // Somebody at the same address tries many at once: then the page says how long to wait.
  let stop = false;
  const crowd = Array.from({ length: 14 }, async () => {
    while (!stop) {
      if ((await attempt()).status !== 401) await new Promise((done) => setTimeout(done, 20));
    }
  });
  try {
    await eventually("the page is told to wait", async () => {
      await typeIn(page, "nobody", "wrong");
      await page.getByRole("alert").waitFor();
      return (await page.getByRole("alert").innerText()).includes("Too many tries at once");
    }, 30_000);
    check(/Please wait \d seconds? and try again/.test(await page.getByRole("alert").innerText()), await page.getByRole("alert").innerText());
    await checkAxe(page);
  } finally {
    stop = true;
    await Promise.all(crowd);
  }
  await page.getByText("You can try again now.").waitFor();
});

await scenario("the server is away when one signs in, and comes back", async ({ page, expect }) => {
  const ann = await user("away");
  expect(/no answer: /);
  await page.goto("/#/account");
  await form(page).waitFor();
  await stopServer();
  try {
    await typeIn(page, "away", ann.password);
    await page.getByRole("alert").filter({ hasText: "The server can't be reached." }).waitFor();
    await checkAxe(page);
  } finally {
    await startServer();
  }
  await page.getByRole("button", { name: "Sign in" }).click(); // what was typed is still there
  await page.getByRole("heading", { name: "Who you are" }).waitFor();
});

await scenario("a restart of the server is not noticed, nor an access token that is too old", async ({ context, requests, expect }) => {
  expect(/no answer: |answer 503/);
  const ann = await user("restart");
  const page = await signIn(context, "restart", ann.password, "/#/account/keys");
  await page.getByText("You have no API keys").waitFor();
  await restartServer();
  const make = async () => {
    await page.getByRole("button", { name: "New API key" }).click();
    await page.getByRole("button", { name: "I have copied it" }).click();
  };
  await make();
  await restartServer({ kill: true });
  await make();
  equal((await must(ann, "GET", "/api/davit/keys")).keys.length, 2);

  // By the clock of the page the token has nearly ended: it gets another one before it asks.
  const before = requests.length;
  await page.clock.setSystemTime(Date.now() + 9 * 60_000);
  await make();
  const asked = requests.slice(before).filter((r) => r.method === "POST").map((r) => r.path);
  equal(asked.slice(0, 2), ["/auth/refresh/web", "/api/davit/keys"]);
  await page.clock.setSystemTime(Date.now() - 24 * 3600_000); // and a clock that goes back does no harm
  await make();
  equal((await must(ann, "GET", "/api/davit/keys")).keys.length, 4);
});

await scenario("a page that cannot learn who is signed in says so, and tries again", async ({ context, page, expect }) => {
  expect(/no answer: |answer 50/);
  const ann = await user("lost");
  await signIn(context, "lost", ann.password, "/#/account");
  await page.getByRole("heading", { name: "Who you are" }).waitFor();
  await page.route("**/auth/refresh/web", (r) => r.abort("connectionrefused"));
  await page.clock.install();
  await page.reload();
  await eventually("the page gives up", async () => {
    await page.clock.runFor(4000); // of the pauses between its tries
    return page.getByText("you need not sign in again for that").isVisible();
  });
  await checkAxe(page);
  await shot(page, "lost");
  await page.unroute("**/auth/refresh/web");
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("heading", { name: "Who you are" }).waitFor();
});

await scenario("two tabs are of one person at a time", async ({ context, page, requests }) => {
  const ann = await user("tabs-ann");
  const bob = await user("tabs-bob");
  await context.route("**/api/davit/uploads*", () => {}); // nothing but what is clicked shall notice who is signed in
  await signIn(context, "tabs-ann", ann.password, "/#/account/keys");
  await menuOf(page, "tabs-ann").waitFor();
  const second = await context.newPage();
  await second.goto("/#/account");
  await menuOf(second, "tabs-ann").click();
  await second.getByRole("menuitem", { name: "Sign out" }).click();
  await page.getByText("You are signed out.").waitFor();
  await typeIn(second, "tabs-bob", bob.password);
  await menuOf(second, "tabs-bob").waitFor();
  await menuOf(page, "tabs-bob").waitFor();
  check(page.url().endsWith("#/account/keys"), page.url());

  // Without a word from the other tab: the cookie is ann's now, and the session that bob's page has ends. What bob's page
  // asks for is not done as ann.
  const res = await context.request.post("/auth/login", { form: { username: "tabs-ann", password: ann.password }, headers: { Accept: "application/json" } });
  check(res.ok(), "ann signs in again");
  await must(bob, "DELETE", "/auth/sessions");
  await page.getByRole("button", { name: "New API key" }).click();
  await menuOf(page, "tabs-ann").waitFor();
  await part(page, "Overview", "Who you are");
  equal(requests.filter((r) => r.method === "POST" && r.path === "/api/davit/keys").length, 1, "what bob asked for is asked again");
  equal([(await must(ann, "GET", "/api/davit/keys")).keys, (await must(bob, "GET", "/api/davit/keys")).keys], [[], []]);
});

await scenario("signing out holds although the server is away", async ({ context, page, expect }) => {
  expect(/no answer: /);
  const ann = await user("gone");
  await signIn(context, "gone", ann.password, "/#/account");
  await menuOf(page, "gone").waitFor();
  await stopServer();
  try {
    await menuOf(page, "gone").click();
    await page.getByRole("menuitem", { name: "Sign out" }).click();
    await page.getByText("The server could not be told").waitFor();
    await checkAxe(page);
  } finally {
    await startServer();
  }
  await page.reload();
  await form(page).waitFor();
});

await scenario("the overview tells who one is, the limits, projects and groups", async ({ context }) => {
  const ann = await user("over\u202Eview", { folders: ["one", "two"], limits: { maxFolders: 7 } });
  await must(admin, "PUT", `/api/davit/workspaces/${(await must(ann, "GET", "/api/davit/me")).id}/quota`, { maxBytes: 5 << 20 });
  const project = await must(admin, "POST", "/api/davit/projects", { title: "Glaciers <b>", pi: admin.name });
  await must(admin, "PUT", `/api/davit/projects/${project.id}/members/${encodeURIComponent(ann.name)}`, { role: "ADMIN" });
  const group = await must(admin, "POST", `/api/davit/projects/${project.id}/groups`, { title: "Night shift" });
  await must(admin, "PUT", `/api/davit/groups/${group.id}/members/${encodeURIComponent(ann.name)}`);
  await folder(admin, "of the project", { project: project.id });
  await must(ann, "PUT", `/dav/${ann.folders["one"]}/x`, "12345");
  const page = await signIn(context, ann.name, ann.password, "/#/account");
  await page.getByText("2 of 7 folders").waitFor();
  await page.getByText("5 B in 1 file or folder").waitFor();
  await page.getByText("5 B of 5 MiB").waitFor();
  await page.getByText("2 of your own, 1 of projects, 0 shared with you").waitFor();
  await page.getByText("Glaciers <b>", { exact: true }).waitFor();
  await page.getByText("Manages the project · Group: Night shift").waitFor();
  await page.getByText("U+202E").first().waitFor();
  await checkAxe(page);
  await shot(page, "overview");
  await page.setViewportSize({ width: 360, height: 740 });
  await fits(page);
});

await scenario("a new password ends the other sessions", async ({ context, newContext }) => {
  const ann = await user("pass");
  const { token } = await must(ann, "POST", "/api/davit/tokens", { title: "stays" });
  const other = await signIn(await newContext(), "pass", ann.password, "/#/account");
  await menuOf(other, "pass").waitFor();
  const page = await signIn(context, "pass", ann.password, "/#/account/password");
  const old = page.getByLabel("Old password", { exact: true });
  const made = page.getByLabel("New password", { exact: true });
  const again = page.getByLabel("New password, once more", { exact: true });
  const set = page.getByRole("button", { name: "Change the password" });
  for (const [text, says] of [["pass1", "Very weak"], ["kx7Qpw2m", "Weak"], ["correct horse battery staple", "good"]]) {
    await made.fill(text);
    await page.getByRole("status").filter({ hasText: says }).waitFor();
  }
  await old.fill("wrong");
  await again.fill("correct horse");
  await set.click();
  await page.getByText("This is not what you typed above.").waitFor();
  await checkAxe(page);
  await made.fill("pass1");
  await again.fill("pass1");
  await set.click();
  const weak = page.getByRole("dialog", { name: "Take this password?" });
  await weak.getByRole("button", { name: "Cancel" }).click();
  await focused(set);
  await made.fill("correct horse battery staple");
  await again.fill("correct horse battery staple");
  await set.click();
  await page.getByText("This is not your password.").waitFor();
  await focused(old);
  await old.fill(ann.password);
  await set.click();
  await page.getByText("your other sessions have ended").waitFor();
  equal([await old.inputValue(), await made.inputValue()], ["", ""]);
  await checkAxe(page);
  await shot(page, "password");

  await other.getByRole("link", { name: "API keys" }).click();
  await other.getByText("Your session has ended.").waitFor();
  await checkAxe(other);
  await shot(other, "ended");
  await typeIn(other, "pass", ann.password);
  await other.getByText("The user name or the password is wrong.").waitFor();
  await typeIn(other, "pass", "correct horse battery staple");
  await other.getByRole("heading", { name: "API keys" }).waitFor();
  await page.getByRole("link", { name: "Overview" }).click();
  await page.getByRole("heading", { name: "Who you are" }).waitFor();
  equal((await api({ name: "pass", password: token }, "GET", "/api/davit/me")).status, 200, "a token stays");
  equal((await api(ann, "GET", "/api/davit/me")).status, 401, "the old password");
});

await scenario("sessions are listed and ended", async ({ context, newContext }) => {
  const ann = await user("sess");
  const page = await signIn(context, "sess", ann.password, "/#/account/sessions");
  const firefox = await newContext({ userAgent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0" });
  const other = await signIn(firefox, "sess", ann.password, "/#/account");
  await menuOf(other, "sess").waitFor();
  await must(null, "POST", "/auth/loginServer", { username: "sess", password: ann.password }, { "User-Agent": "curl/8.14.1" });
  await must(null, "POST", "/auth/loginServer", { username: "sess", password: ann.password }, { "User-Agent": "<b>mine</b>/1" });
  await page.reload();
  await row(page, "curl").getByText("127.0.0.1").waitFor();
  equal(await page.getByRole("row").count(), 5, "the head and four sessions");
  check((await page.getByRole("row").nth(1).innerText()).includes("This one"), "this one stands first");
  await row(page, "<b>mine</b>/1").waitFor();
  await checkAxe(page);
  await shot(page, "sessions");
  await row(page, "Firefox on Windows").getByRole("button", { name: /^End the session of Firefox on Windows/ }).click();
  await sure(page, "End");
  await row(page, "Firefox on Windows").waitFor({ state: "hidden" });
  // Who comes back to a page later, or to a machine that slept, sees at once that it has ended.
  await other.clock.setSystemTime(Date.now() + 60_000);
  await other.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
  await other.getByText("Your session has ended.").waitFor();
  await page.getByRole("button", { name: "End all others" }).click();
  await checkAxe(page);
  await sure(page, "End all others");
  await row(page, "curl").waitFor({ state: "hidden" });
  equal((await must(ann, "GET", "/auth/sessions")).items.length, 1);
  await page.setViewportSize({ width: 360, height: 740 });
  await fits(page);
  await page.getByRole("button", { name: "Sign out of this session" }).click();
  await page.getByText("You are signed out.").waitFor();
  equal((await must(ann, "GET", "/auth/sessions")).items, []);
});

await scenario("a token is made, shown once, used and revoked", async ({ context }) => {
  const ann = await user("tok", { folders: ["docs", "secret plans"] });
  await must(ann, "PUT", `/dav/${ann.folders["docs"]}/x`, "x");
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const page = await signIn(context, "tok", ann.password, "/#/account/tokens");
  await page.getByText("You have no tokens").waitFor();
  await checkAxe(page);
  await page.getByRole("button", { name: "New token" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Title").fill("nightly \u202Ebackup");
  await dialog.getByLabel("Which folders").selectOption("Only some folders");
  check(await dialog.getByRole("button", { name: "Make the token" }).isDisabled(), "no folder is chosen yet");
  await dialog.getByLabel("docs").check();
  await dialog.getByLabel("For reading only").check();
  await dialog.getByLabel("Ends").selectOption("On a day that I choose");
  await dialog.getByLabel("Last day").fill("2099-12-31");
  await checkAxe(page);
  await shot(page, "token-new");
  await dialog.getByRole("button", { name: "Make the token" }).click();
  await dialog.getByRole("heading", { name: "Your new token" }).waitFor();
  check(!(await dialog.innerText()).includes("uc"), "it is not shown before it is asked for");
  await checkAxe(page);
  await shot(page, "token-made");
  await dialog.getByRole("button", { name: "Copy: Token" }).click();
  const token = await page.evaluate(() => navigator.clipboard.readText());
  await dialog.getByRole("button", { name: "Show" }).click();
  equal(await dialog.getByRole("group", { name: "Token" }).locator("code").innerText(), token, "what was copied");
  await dialog.getByRole("button", { name: "I have copied it" }).click();

  const backup = { name: "tok", password: token };
  equal((await dav(backup, "GET", `${ann.folders["docs"]}/x`)).text, "x");
  equal((await dav(backup, "PUT", `${ann.folders["docs"]}/y`, "y")).status, 403, "writing");
  equal((await dav(backup, "GET", `${ann.folders["secret plans"]}/`)).status, 404, "another folder");
  equal((await api(backup, "GET", "/folders")).status, 403, "another door");
  const { tokens } = await must(ann, "GET", "/api/davit/tokens");
  equal([tokens[0].readOnly, tokens[0].scopes, tokens[0].folders], [true, ["webdav:read"], [{ id: ann.folders["docs"], readOnly: true }]]);
  equal(tokens[0].expires.slice(0, 10), "2099-12-31");
  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, location.href, document.documentElement.outerHTML]));
  check(!kept.includes(token), "the secret is kept somewhere");

  await eventually("the last use is shown", async () => {
    await page.reload();
    await row(page, "backup").waitFor();
    return (await row(page, "backup").innerText()).includes("127.0.0.1");
  });
  await row(page, "U+202E").getByRole("link", { name: "docs" }).waitFor();
  await checkAxe(page);
  await shot(page, "tokens");
  await page.setViewportSize({ width: 360, height: 740 });
  await fits(page);
  await page.getByRole("button", { name: /^Revoke: nightly/ }).click();
  await checkAxe(page);
  // Who does not wait for the end is told of it all the same.
  let goOn;
  const waits = new Promise((done) => { goOn = done; });
  await page.route("**/api/davit/tokens/*", async (route) => { await waits; await route.continue(); });
  await sure(page, "Revoke");
  await sure(page, "Don’t wait");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  check(await row(page, "U+202E").isVisible(), "it is still there");
  goOn();
  await page.getByText("The token is revoked.").last().waitFor();
  await page.getByText("You have no tokens").waitFor();
  await page.unroute("**/api/davit/tokens/*");
  equal((await dav(backup, "GET", `${ann.folders["docs"]}/x`)).status, 401, "the revoked token");
});

await scenario("a token for a part of the programming interface", async ({ context }) => {
  const ann = await user("api", { folders: ["docs"] });
  const page = await signIn(context, "api", ann.password, "/#/account/tokens");
  await page.getByRole("button", { name: "New token" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Title").fill("script");
  await dialog.getByLabel("What for").selectOption("Some of the programming interface");
  await dialog.getByLabel("Virtual folders").check();
  await dialog.getByLabel("Ends").selectOption("Never");
  await dialog.getByText("until you revoke it").waitFor();
  await dialog.getByRole("button", { name: "Make the token" }).click();
  await dialog.getByRole("button", { name: "Show" }).click();
  const script = { name: "api", password: await dialog.getByRole("group", { name: "Token" }).locator("code").innerText() };
  await page.keyboard.press("Escape");
  equal((await api(script, "GET", "/folders")).body.map((f) => f.name), ["docs"]);
  equal((await api(script, "GET", "/api/davit/keys")).status, 403);
  await row(page, "script").getByText("Virtual folders").waitFor();

  // What is refused stays in the form.
  await page.getByRole("button", { name: "New token" }).click();
  await dialog.getByLabel("Title").fill("   ");
  await dialog.getByRole("button", { name: "Make the token" }).click();
  await dialog.getByRole("alert").filter({ hasText: "title" }).waitFor();
  await checkAxe(page);
});

await scenario("API keys and mounts of kernels", async ({ context }) => {
  const ann = await user("keys", { folders: ["docs"] });
  const page = await signIn(context, "keys", ann.password, "/#/account/keys");
  await page.getByRole("button", { name: "New API key" }).click();
  const dialog = page.getByRole("dialog");
  const key = await dialog.getByRole("group", { name: "Access key" }).locator("code").innerText();
  await dialog.getByRole("button", { name: "Show" }).click();
  const secret = await dialog.getByRole("group", { name: "Secret key" }).locator("code").innerText();
  equal([/^AKIA/.test(key), secret.length], [true, 40]);
  await checkAxe(page);
  await dialog.getByRole("button", { name: "I have copied it" }).click();
  equal((await must(ann, "GET", "/api/davit/keys")).keys.map((k) => k.accessKey), [key]);
  check(!(await page.content()).includes(secret), "the secret is shown twice");
  await checkAxe(page);
  await shot(page, "keys");
  await page.getByRole("button", { name: `Revoke: ${key}` }).click();
  await sure(page, "Revoke");
  await page.getByText("You have no API keys").waitFor();
  equal((await must(ann, "GET", "/api/davit/keys")).keys, []);

  const mount = await must(ann, "POST", "/api/davit/mounts", { folders: [{ id: ann.folders["docs"], readOnly: true }], title: "kernel 7", lifetime: "1h" });
  await part(page, "Mounts", "Mounts in compute kernels");
  await row(page, "kernel 7").getByText("read only").waitFor();
  equal((await dav({ name: "keys", password: mount.token }, "GET", `${ann.folders["docs"]}/`)).status, 200);
  await page.getByRole("button", { name: "Renew: kernel 7" }).click();
  await dialog.getByLabel("Ends").selectOption("After 7 days");
  await checkAxe(page);
  await sure(page, "Renew");
  await row(page, "kernel 7").getByText("in 7 days").waitFor();
  check(new Date((await must(ann, "GET", `/api/davit/mounts/${mount.id}`)).expires) > Date.now() + 6 * 86400e3, "the new end");
  await checkAxe(page);
  await shot(page, "mounts");
  await page.setViewportSize({ width: 360, height: 740 });
  await fits(page);
  await page.getByRole("button", { name: "Revoke: kernel 7" }).click();
  await sure(page, "Revoke");
  await page.getByText("There are no mounts now").waitFor();
  equal((await dav({ name: "keys", password: mount.token }, "GET", `${ann.folders["docs"]}/`)).status, 401);
  await checkAxe(page);
});
