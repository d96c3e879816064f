import type { ViewProps } from "../app.tsx";
import { t } from "../text.ts";
import { Page } from "../ui/page.tsx";

export default function Mounts(_: ViewProps) {
  return <Page title={t("people.sections.mounts")}>{null}</Page>;
}
