// Dies in its second scenario.
import process from "node:process";
import { scenario } from "../harness.mjs";

await scenario("the first", async ({ page }) => {
  await page.goto("/livez");
});
await scenario("the second", async () => process.exit(0));
