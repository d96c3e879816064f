// Folders: their list, making and removing them, sharing, invitations, what is known of one.
// serve: --default-max-folders 6
import { admin, api, check, checkAxe, dav, eventually, equal, folder, must, scenario, server, shot, signIn, user } from "./harness.mjs";

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

const rowOf = (page, name) => page.getByRole("row").filter({ hasText: name });
const menuOf = async (page, title, entry) => {
  await page.getByRole("button", { name: `Actions for ${title}`, exact: true }).click();
  await page.getByRole("menuitem", { name: entry }).click();
};
const entriesOf = async (page, title) => {
  await page.getByRole("button", { name: `Actions for ${title}`, exact: true }).click();
  const all = await page.getByRole("menuitem").allTextContents();
  await page.keyboard.press("Escape");
  return all.map((s) => s.replace(" …", "").trim());
};
const said = (page, text) => page.getByRole("region", { name: "Messages" }).getByText(text).waitFor();
const titles = async (who) => (await must(who, "GET", "/api/davit/folders?mine=true&deleted=false")).items.map((f) => f.title);

await scenario("the first folder, from the empty list to its files", async ({ context }) => {
  const ann = await user("first");
  const page = await signIn(context, ann.name, ann.password);
  await page.getByText("You have no folder yet").waitFor();
  await looked(page, "empty");
  await page.getByRole("button", { name: "Create your first folder" }).click();
  const dialog = page.getByRole("dialog", { name: "Create a folder" });
  await dialog.getByLabel("Title").fill("Thesis");
  await dialog.getByText("It can hold 1 GiB in 1,000 files.").waitFor();
  await dialog.getByText("0 of 6 folders").waitFor();
  await shot(page, "create");
  await checkAxe(page);
  await dialog.getByRole("button", { name: "Create" }).click();
  await page.waitForURL(/#\/files\/[0-9a-f]{32}$/);
  equal(await titles(ann), ["Thesis"]);
});

await scenario("list", async ({ context }) => {
  const ann = await user("lister", { folders: ["Alpha", "beta 10", "beta 2"] });
  const bob = await user("bobo", { folders: ["Shared work"] });
  const project = await must(admin, "POST", "/api/davit/projects", { title: "Physics", pi: "lister" });
  await folder(ann, "Measurements", { project: project.id });
  await must(bob, "POST", "/api/files/collections/updateAcl", { items: [{ id: bob.folders["Shared work"], added: [{ entity: { type: "user", username: "lister" }, permissions: ["READ"] }], deleted: [] }] });
  await must(ann, "POST", "/api/files/collections/updateLabels", { items: [{ id: ann.folders.Alpha, labels: { team: "a", draft: "" } }] });
  await dav(ann, "PUT", `${ann.folders["beta 2"]}/a.bin`, Buffer.alloc(3 << 20));
  await dav(ann, "PUT", `${ann.folders.Alpha}/b.bin`, Buffer.alloc(1 << 20));
  const page = await signIn(context, ann.name, ann.password);
  await page.getByText(/^5 folders, 4 MiB together$/).waitFor();
  await looked(page, "list");
});
