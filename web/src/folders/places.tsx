// The links between the lists of folders: those that there are, deleted ones, and invitations.
import { route, href } from "../route.ts";
import { t } from "../text.ts";
import { Tabs } from "../ui/page.tsx";
import { pending } from "./pending.ts";

export function FolderPlaces() {
  const here = route.value.path[0] ?? "";
  return (
    <Tabs
      label={t("folders.places.label")}
      tabs={[
        { href: href([]), label: t("folders.places.all"), current: here === "" },
        { href: href(["invitations"]), label: pending.value === 0 ? t("folders.places.invitations") : t("folders.places.invitationsN", { n: pending.value }), current: here === "invitations" },
        { href: href(["deleted"]), label: t("folders.places.deleted"), current: here === "deleted" },
      ]}
    />
  );
}
