import type { ViewProps } from "../app.tsx";
import { t } from "../text.ts";
import { Page } from "../ui/page.tsx";

export default function Projects(_: ViewProps) {
  return <Page title={t("people.sections.projects")}>{null}</Page>;
}
