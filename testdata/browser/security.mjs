// What the page must not let through, whatever files, names and other pages do.
import { api, check, checkAxe, equal, eventually, must, scenario, server, signIn, user } from "./harness.mjs";

const form = (page) => page.getByRole("form", { name: "Sign in" });
const main = (page) => page.getByRole("navigation", { name: "Main" });
const signOut = async (page, name) => {
  await page.getByRole("button", { name: `Menu of ${name}` }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
};
/** The token that the page sends with its requests; it is only ever in there. */
async function tokenOf(page) {
  const [request] = await Promise.all([page.waitForRequest((r) => r.headers().authorization?.startsWith("Bearer ")), page.reload()]);
  return request.headers().authorization.slice("Bearer ".length);
}
const bearer = async (token, path = "/api/davit/me") => (await api(null, "GET", path, undefined, { Authorization: `Bearer ${token}` })).status;

await scenario("the policy lets nothing but the page's own files run", async ({ page, requests }) => {
  await page.goto("/");
  await form(page).waitFor();
  const assets = requests.filter((r) => r.path.startsWith("/assets/")).map((r) => r.path);
  check(assets.length >= 2, `assets: ${assets}`);
  for (const path of ["/", ...assets]) {
    const { headers } = await api(null, "GET", path);
    const policy = Object.fromEntries(headers.get("content-security-policy").split(";").map((d) => [d.trim().split(" ")[0], d.trim().split(" ").slice(1)]));
    check(!/unsafe|\*|https?:/.test(headers.get("content-security-policy")), `${path}: ${headers.get("content-security-policy")}`);
    equal(policy["default-src"], ["'none'"]);
    equal(policy["script-src"], ["'self'"]);
    equal(policy["style-src"], ["'self'"]);
    equal(policy["frame-ancestors"], ["'none'"]);
    equal(policy["base-uri"], ["'none'"]);
    equal(policy["require-trusted-types-for"], ["'script'"]);
    equal(headers.get("x-content-type-options"), "nosniff");
    equal(headers.get("cross-origin-opener-policy"), "same-origin");
  }
  equal((await api(null, "GET", "/")).headers.get("x-frame-options"), "DENY");
});

// What an attacker would try who can put text into the page.
await scenario("scripts that get into the page do not run", async ({ page, expect }) => {
  await page.goto("/");
  await form(page).waitFor();
  expect(/Content Security Policy|Trusted Type|TrustedHTML|TrustedScript/);
  expect(/^no answer: GET .*ERR_BLOCKED_BY_CSP|net::ERR_BLOCKED|csp/);
  // In a later turn: what DevTools run at once may do more.
  const tried = await page.evaluate(() => new Promise((answer) => setTimeout(() => {
    window.ran = [];
    const attempt = (f) => {
      try {
        f();
      } catch (e) {
        return e.name;
      }
      return "";
    };
    const refused = {
      innerHTML: attempt(() => { document.body.innerHTML += "<img src=x onerror='ran.push(1)'>"; }),
      eval: attempt(() => { eval("ran.push(2)"); }),
      timer: attempt(() => { setTimeout("ran.push(3)"); }),
    };
    const inline = document.createElement("script");
    attempt(() => { inline.textContent = "ran.push(4)"; });
    document.body.append(inline);
    const a = document.createElement("a");
    a.href = "javascript:ran.push(5)";
    document.body.append(a);
    attempt(() => a.click());
    setTimeout(() => answer({ refused, ran: window.ran }), 100);
  })));
  equal(tried.ran, []);
  for (const [what, error] of Object.entries(tried.refused)) check(error !== "", `${what} was let through`);
});

await scenario("other pages cannot put it into a frame", async ({ page, expect }) => {
  expect(/http:\/\/elsewhere\.test\/|frame-ancestors|X-Frame-Options|ERR_BLOCKED_BY_/);
  await page.route("http://elsewhere.test/", (route) => route.fulfill({ contentType: "text/html", body: `<title>elsewhere</title><iframe src="${server}/"></iframe>` }));
  await page.goto("http://elsewhere.test/");
  await eventually("the frame is refused", () => page.frames().some((f) => f.url().startsWith("chrome-error:")));
});

await scenario("the session is nowhere that a script or a passer-by finds it", async ({ context, page }) => {
  const dan = await user("dan");
  await page.goto("/");
  await page.getByRole("textbox", { name: "User name" }).fill(dan.name);
  await page.getByRole("textbox", { name: "Password" }).fill(dan.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await main(page).waitFor();
  const cookies = Object.fromEntries((await context.cookies()).map((c) => [c.name, c]));
  const refresh = cookies.refreshToken;
  equal([refresh.httpOnly, refresh.sameSite, refresh.path], [true, "Strict", "/auth"]);
  equal([cookies.csrfToken.sameSite, cookies.csrfToken.path], ["Strict", "/"]);
  equal(Object.keys(cookies).sort(), ["csrfToken", "refreshToken"]);
  const token = await tokenOf(page);
  await main(page).waitFor();
  equal(await bearer(token), 200);
  const kept = await page.evaluate(async () => {
    const databases = await Promise.all((await indexedDB.databases()).map((d) => new Promise((done) => {
      const open = indexedDB.open(d.name);
      open.onsuccess = async () => {
        const db = open.result;
        const all = await Promise.all([...db.objectStoreNames].map((s) => new Promise((got) => { db.transaction(s).objectStore(s).getAll().onsuccess = (e) => got(e.target.result); })));
        db.close();
        done(all);
      };
    })));
    return JSON.stringify([location.href, document.cookie, { ...localStorage }, { ...sessionStorage }, databases, document.documentElement.outerHTML, history.state, window.name]);
  });
  for (const [what, secret] of Object.entries({ "the password": dan.password, "the access token": token, "the refresh token": refresh.value })) {
    check(!kept.includes(secret), `${what} is in what scripts can read: ${kept}`);
  }
});

await scenario("signing out ends the session on the server, in all tabs and behind the back button", async ({ context, expect }) => {
  const eve = await user("eve", { folders: ["Evening"] });
  const page = await signIn(context, eve.name, eve.password);
  await main(page).waitFor();
  await main(page).getByRole("link", { name: "Account" }).click();
  await page.getByRole("heading", { level: 1, name: "Account" }).waitFor();
  const other = await context.newPage();
  await other.goto("/");
  await main(other).waitFor();
  const token = await tokenOf(page);
  const [refresh, csrf] = ["refreshToken", "csrfToken"].map((name) => context.cookies(server + "/auth").then((all) => all.find((c) => c.name === name).value));
  const cookies = { Cookie: `refreshToken=${await refresh}; csrfToken=${await csrf}`, "X-CSRFToken": await csrf };
  await main(page).waitFor();
  equal((await api(null, "POST", "/auth/refresh/web", undefined, cookies)).status, 200);
  await signOut(page, eve.name);
  await page.getByText("You are signed out.").waitFor();
  await checkAxe(page);
  await form(other).waitFor(); // without a reload
  equal(await bearer(token), 401);
  equal((await api(null, "PROPFIND", "/dav/", undefined, { Authorization: `Bearer ${token}`, Depth: "0" })).status, 401);
  equal((await api(null, "POST", "/auth/refresh/web", undefined, cookies)).status, 401);
  equal((await context.cookies()).map((c) => c.name), []);
  equal((await must(eve, "GET", "/auth/sessions")).items.length, 0);
  for (const step of ["goBack", "goForward", "goBack", "reload"]) {
    await page[step]();
    await form(page).waitFor();
    const text = await page.locator("body").innerText();
    check(!text.includes("Evening") && !text.includes(eve.name), `after ${step}: ${text}`);
  }
  expect(/./); // pages that are left may have been about to ask
});

await scenario("a session that ended elsewhere sends to the sign-in, and back to the same place", async ({ context }) => {
  const fay = await user("fay");
  const page = await signIn(context, fay.name, fay.password, "/#/account/sessions");
  await page.getByRole("heading", { level: 1, name: "Account" }).waitFor();
  await main(page).waitFor();
  await must(fay, "DELETE", "/auth/sessions");
  await page.evaluate(() => { location.hash = "#/account/tokens"; }); // which asks the server for something
  await form(page).waitFor();
  await page.getByText("Your session has ended.").waitFor();
  await page.getByRole("textbox", { name: "User name" }).fill(fay.name);
  await page.getByRole("textbox", { name: "Password" }).fill(fay.password);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "Account" }).waitFor();
  check(page.url().endsWith("#/account/tokens"), page.url());
});

// Last, for it slows what this address tries after it.
await scenario("after wrong passwords the server is slow, and the form says so", async ({ page }) => {
  const gus = await user("gus");
  for (let n = 0; n < 7; n++) {
    equal((await api(null, "POST", "/auth/login", { username: gus.name, password: "wrong" }, { Accept: "application/json" })).status, 401);
  }
  await page.goto("/");
  await page.getByRole("textbox", { name: "User name" }).fill(gus.name);
  await page.getByRole("textbox", { name: "Password" }).fill(gus.password);
  await page.keyboard.press("Enter");
  await page.getByRole("status").filter({ hasText: "after wrong passwords the server answers slowly" }).waitFor();
  await checkAxe(page);
  await main(page).waitFor(); // it goes on by itself
});
