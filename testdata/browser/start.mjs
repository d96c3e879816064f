// The page at /: what comes first, what it costs, and its frame.
import { api, check, checkAxe, equal, focused, scenario, server, shot, signIn, user } from "./harness.mjs";

const form = (page) => page.getByRole("form", { name: "Sign in" });
const main = (page) => page.getByRole("navigation", { name: "Main" });

await scenario("signing in by the form, with the keyboard alone", async ({ page }) => {
  const ann = await user("ann");
  const res = await page.goto("/");
  equal(res.status(), 200);
  await form(page).waitFor();
  equal(await page.title(), "Sign in – Davit");
  await checkAxe(page);
  await shot(page, "sign-in");
  await page.keyboard.type(ann.name); // the name has the focus
  await page.keyboard.press("Tab");
  await page.keyboard.type("not this");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").filter({ hasText: "The user name or the password is wrong." }).waitFor();
  await checkAxe(page);
  await page.keyboard.type(ann.password); // the field is empty, and has the focus
  await page.keyboard.press("Enter");
  await main(page).waitFor();
  equal(await form(page).count(), 0);
  await page.reload(); // the session stays
  await page.getByRole("heading", { level: 1, name: "Folders" }).waitFor();
  await page.getByRole("link", { name: "Skip to content" }).focus();
  await page.keyboard.press("Enter");
  await focused(page.locator("#content"));
});

// What a browser that knows nothing gets before it can show something, and before it shows the folders, by DevTools' count of
// bytes on the wire (headers too).
await scenario("the first load is small", async ({ context, page }) => {
  const bob = await user("bob");
  const devTools = await context.newCDPSession(page);
  await devTools.send("Network.enable");
  const paths = new Map();
  let bytes = 0;
  devTools.on("Network.requestWillBeSent", ({ requestId, request }) => {
    if (request.url.startsWith(server)) paths.set(requestId, new URL(request.url).pathname);
  });
  devTools.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    if (paths.has(requestId)) bytes += encodedDataLength;
  });
  const loaded = async () => {
    await page.waitForLoadState("networkidle");
    return { bytes, requests: paths.size };
  };
  await page.goto("/");
  await form(page).waitFor();
  const first = await loaded();
  check(first.bytes > 5_000 && first.bytes < 150_000 && first.requests <= 24, `the sign-in takes ${first.bytes} bytes, ${first.requests} requests: ${[...paths.values()]}`);
  await signIn(context, bob.name, bob.password);
  await main(page).waitFor();
  const whole = await loaded();
  check(whole.bytes < 150_000 + first.bytes, `the folders take ${whole.bytes - first.bytes} bytes`);
  // Once more, all scripts and styles come from the browser's cache.
  const before = bytes;
  await page.reload();
  await main(page).waitFor();
  await page.waitForLoadState("networkidle");
  check(bytes - before < 20_000, `again it takes ${bytes - before} bytes`);
});

await scenario("the frame on a narrow window, and where nothing is", async ({ context }) => {
  const cat = await user("cat");
  const page = await signIn(context, cat.name, cat.password, "/#/no/such/place");
  await page.getByRole("heading", { name: "There is nothing here" }).waitFor();
  await page.setViewportSize({ width: 360, height: 640 });
  const [wide, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  check(wide <= window, `the page is ${wide} wide in a window of ${window}`);
  await checkAxe(page);
  await shot(page, "nowhere");
  await page.getByRole("link", { name: "To the folders" }).click();
  await page.getByRole("heading", { level: 1, name: "Folders" }).waitFor();
  // People who are no administrators see no administration, by no address.
  equal(await main(page).getByRole("link", { name: "Administration" }).count(), 0);
  await page.goto("/#/admin/users");
  await page.getByRole("link", { name: "To the folders" }).waitFor();
  await checkAxe(page);
  equal((await api(cat, "GET", "/api/davit/users")).status, 403);
});

await scenario("without scripts the page says where the folders are", async ({ newContext, expect }) => {
  expect(/assets.*: csp$/); // without scripts, modules are not loaded before they are asked for
  const context = await newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto("/");
  await page.getByRole("heading", { level: 1, name: "Davit" }).waitFor();
  equal(await page.getByRole("link", { name: "/dav/" }).getAttribute("href"), "/dav/");
});
