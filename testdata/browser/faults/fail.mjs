// All of these must fail, but the last.
import { check, checkAxe, scenario } from "../harness.mjs";

const accessible = (body) => `<!doctype html><html lang="en"><title>A page</title><main><h1>A page</h1>${body}</main></html>`;

await scenario("a check fails", async ({ page }) => {
  await page.goto("/livez");
  check(false, "as it should");
});
await scenario("axe finds a button without a name", async ({ page }) => {
  await page.setContent(accessible('<button style="width:40px;height:40px"></button>'));
  await checkAxe(page);
});
await scenario("axe finds a small target", async ({ page }) => {
  const small = '<button style="width:12px;height:12px;padding:0;border:0;display:block" aria-label="small"></button>';
  await page.setContent(accessible(small + small));
  await checkAxe(page);
});
await scenario("axe finds text that is faint in the dark", async ({ page }) => {
  await page.setContent(accessible("<style>@media (prefers-color-scheme: dark) { body { background: #333; color: #444 } }</style><p>faint</p>"));
  await checkAxe(page);
});
await scenario("a request to outside", async ({ page }) => {
  await page.setContent(accessible('<img alt="" src="http://127.0.0.1:9/x.png">'));
});
await scenario("an error in the console", async ({ page }) => {
  await page.evaluate(() => console.error("so it goes"));
});
await scenario("a script that throws", async ({ page }) => {
  await page.evaluate(() => setTimeout(() => { throw new Error("thrown later"); }));
  await page.waitForTimeout(1); // the only scenario that waits for nothing that is seen
});
await scenario("a dialog", async ({ page }) => {
  await page.evaluate(() => alert("over here"));
});
await scenario("what the policy forbids", async ({ page }) => {
  await page.goto("/");
  await page.evaluate(() => document.head.append(Object.assign(document.createElement("style"), { textContent: "p { color: red }" })));
});
await scenario("a text that becomes a script", async ({ page }) => {
  await page.goto("/");
  await page.evaluate(() => document.head.append(Object.assign(document.createElement("script"), { textContent: "1" })));
});
await scenario("a page that is missing", async ({ page }) => {
  await page.goto("/no/such/page");
});
await scenario("takes too long", () => new Promise(() => {}), { timeout: 100 });
await scenario("an element that never comes", async ({ page }) => {
  page.setDefaultTimeout(100);
  await page.getByRole("button", { name: "nowhere" }).click();
});
await scenario("what is expected is no fault", async ({ page, expect }) => {
  expect(/^console: so it goes$/);
  await page.setContent(accessible("<p>all is well</p>"));
  await page.evaluate(() => console.error("so it goes"));
  await checkAxe(page);
});
