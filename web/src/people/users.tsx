import type { ViewProps } from "../app.tsx";
import { t } from "../text.ts";
import { Page } from "../ui/page.tsx";

export default function Users(_: ViewProps) {
  return <Page title={t("people.sections.users")}>{null}</Page>;
}
