import type { ViewProps } from "../app.tsx";
import { t } from "../text.ts";
import { Page } from "../ui/page.tsx";

export default function Overview(_: ViewProps) {
  return <Page title={t("people.sections.overview")}>{null}</Page>;
}
