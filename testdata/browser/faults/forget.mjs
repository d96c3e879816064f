// Does not await what fails.
import { scenario } from "../harness.mjs";

await scenario("the first", async ({ page }) => {
  void page.getByRole("button", { name: "nowhere" }).click({ timeout: 50 });
  await page.waitForTimeout(1000);
});
