// Files in folders: looking at them, and everything that can be done with them.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { api, check, checkAxe, dav, equal, eventually, must, onDisk, scenario, shot, signIn, user } from "./harness.mjs";

const dir = (id, ...steps) => `/#/files/${[id, ...steps].map(encodeURIComponent).join("/")}`;
const grid = (page) => page.getByRole("grid");
/** The row of a name. */
const row = (page, name) => page.getByRole("row").filter({ has: page.getByRole("link", { name, exact: true }) });
const names = (page) => page.locator(".grid-rows .entry-link").allTextContents();
const menu = (page, name) => page.getByRole("menuitem", { name });
const toast = (page) => page.getByRole("region", { name: "Messages" });
const put = (who, path, content = "") => must(who, "PUT", "/dav/" + path.split("/").map(encodeURIComponent).join("/"), content);
const mkcol = (who, path) => must(who, "MKCOL", "/dav/" + path.split("/").map(encodeURIComponent).join("/"));
const there = async (who, path) => (await dav(who, "PROPFIND", path, undefined, { Depth: "0" })).status === 207;

await scenario("shows a directory, sorts and filters it", async ({ context }) => {
  const ann = await user("ann", { folders: ["Data"] });
  const id = ann.folders.Data;
  await mkcol(ann, `${id}/reports`);
  await mkcol(ann, `${id}/Photos`);
  await put(ann, `${id}/note 10.txt`, "ten");
  await put(ann, `${id}/note 2.txt`, "two");
  await put(ann, `${id}/big.zip`, "z".repeat(5000));
  await put(ann, `${id}/.hidden`, "h");
  await put(ann, `${id}/reports/summer.pdf`, "p");
  const page = await signIn(context, ann.name, ann.password, dir(id));
  await row(page, "big.zip").waitFor();
  await shot(page, "browse");
  await checkAxe(page);
});
