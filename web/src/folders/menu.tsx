// What can be done with a folder: by the rights on it, and by what its product offers.
import type { Folder } from "../model.ts";
import { go, href } from "../route.ts";
import { me } from "../session.ts";
import { t } from "../text.ts";
import type { MenuItem } from "../ui/menu.tsx";
import { editLabels } from "./labels.tsx";
import { limitFolder, mayLimit } from "./limits.tsx";
import { can, kindOf, type Product } from "./model.ts";
import { giveFolder } from "./owner.tsx";
import { deleteFolder, leaveFolder } from "./removal.tsx";
import { renameFolder } from "./rename.tsx";

/** The entries for a folder. after is called when one has changed it, gone when it is not there any more. */
export function folderMenu(f: Folder, products: readonly Product[], after: () => void, gone: () => void = after): MenuItem[] {
  const offers = products.find((p) => p.reference.id === f.product)?.collection;
  const items: (MenuItem | false)[] = [
    can(f, "read") && { label: t("folders.menu.open"), icon: "folder", run: () => go(href(["files", f.id])) },
    { label: t(can(f, "admin") ? "folders.menu.share" : "folders.menu.access"), icon: "users", run: () => go(href(["folders", f.id])) },
    { label: t("folders.menu.details"), icon: "info", run: () => go(href(["folders", f.id, "details"])) },
    can(f, "read") && { label: t("folders.menu.mount"), icon: "mount", run: () => go(href(["mount", f.id])) },
    can(f, "remove") && offers?.usersCanRename !== false && { label: t("folders.menu.rename"), icon: "edit", separated: true, run: () => renameFolder(f, after) },
    can(f, "write") && { label: t("folders.menu.labels"), icon: "tag", run: () => editLabels(f, after) },
    mayLimit(f) && { label: t("folders.menu.limits"), icon: "gauge", run: () => limitFolder(f, after) },
    me.value?.admin === true && { label: t("folders.menu.give"), icon: "move", run: () => giveFolder(f, after) },
    kindOf(f) === "shared" && f.rights.length > 0 && { label: t("folders.menu.leave"), icon: "signout", separated: true, danger: true, run: () => leaveFolder(f, gone) },
    (can(f, "remove") || me.value?.admin === true) && offers?.usersCanDelete !== false && {
      label: t("folders.menu.delete"), icon: "trash", separated: true, danger: true, run: () => deleteFolder(f, gone),
    },
  ];
  return items.filter((i) => i !== false);
}
