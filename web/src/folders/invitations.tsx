import type { ViewProps } from "../app.tsx";
import { t } from "../text.ts";
import { Page } from "../ui/page.tsx";

export default function Invitations(_: ViewProps) {
  return <Page title={t("nav.folders")}>{null}</Page>;
}
