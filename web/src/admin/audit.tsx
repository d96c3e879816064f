import type { ViewProps } from "../app.tsx";
import { t } from "../text.ts";
import { Page } from "../ui/page.tsx";

export default function Audit(_: ViewProps) {
  return <Page title={t("people.sections.audit")}>{null}</Page>;
}
