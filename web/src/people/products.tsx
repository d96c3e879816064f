import type { ViewProps } from "../app.tsx";
import { t } from "../text.ts";
import { Page } from "../ui/page.tsx";

export default function Products(_: ViewProps) {
  return <Page title={t("people.sections.products")}>{null}</Page>;
}
