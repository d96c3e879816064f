// Links to what entries and tables name.
import { href } from "../route.ts";
import { t } from "../text.ts";
import { Name } from "../ui/name.tsx";

/** A folder in the list of everybody's folders. */
export function FolderLink({ id, title }: { id: string; title: string }) {
  return <a href={href(["admin", "folders"], { q: id, show: "all" })}><Name text={title} /></a>;
}

/** A user in the list of users. */
export function UserLink({ name }: { name: string }) {
  return <a href={href(["admin", "users"], { query: name })}><Name text={name} /></a>;
}

/** Whose a folder is. */
export function OwnerLink({ folder }: { folder: { owner: string | null; project: { title: string } | null } }) {
  if (folder.project) {
    return <>{t("admin.folders.ofProject")} <Name text={folder.project.title} /></>;
  }
  return folder.owner === null ? <span class="quiet">{t("admin.folders.noOwner")}</span> : <UserLink name={folder.owner} />;
}
