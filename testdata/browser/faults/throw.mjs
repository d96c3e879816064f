// Throws between scenarios.
import { scenario } from "../harness.mjs";

await scenario("the first", async ({ page }) => {
  await page.goto("/livez");
});
throw new Error("between scenarios");
