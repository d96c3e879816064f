import type { ViewProps } from "../app.tsx";
import { t } from "../text.ts";
import { Page } from "../ui/page.tsx";

export default function AllFolders(_: ViewProps) {
  return <Page title={t("people.sections.folders")}>{null}</Page>;
}
