// The page at /.
import { check, scenario, shot } from "./harness.mjs";

await scenario("the page comes without errors", async ({ page }) => {
  const res = await page.goto("/");
  check(res.status() === 200, `status ${res.status()}`);
  await page.getByRole("heading", { level: 1 }).waitFor();
  await shot(page, "start");
});
