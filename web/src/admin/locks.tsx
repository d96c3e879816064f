import type { ViewProps } from "../app.tsx";
import { t } from "../text.ts";
import { Page } from "../ui/page.tsx";

export default function Locks(_: ViewProps) {
  return <Page title={t("people.sections.locks")}>{null}</Page>;
}
