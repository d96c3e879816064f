// The dialog that gives a folder another title. Its ID, and so every address of it, stays.
import { items, post } from "../api.ts";
import type { Folder } from "../model.ts";
import { t } from "../text.ts";
import { FormDialog, openDialog } from "../ui/dialog.tsx";
import { toast } from "../ui/feedback.tsx";
import { Field } from "../ui/form.tsx";
import { refreshCatalog } from "./catalog.tsx";
import { checkTitle } from "./model.ts";

/** after is called when it has the new title. */
export function renameFolder(f: Folder, after: () => void): void {
  openDialog((close) => (
    <FormDialog
      title={t("folders.rename.title")}
      action={t("folders.rename.action")}
      onClose={close}
      onSubmit={async (form) => {
        const title = String(form.get("title"));
        checkTitle(title);
        if (title !== f.title) {
          await post("/api/files/collections/rename", items({ id: f.id, newTitle: title }));
          toast(t("folders.rename.done"));
          void refreshCatalog();
          after();
        }
      }}
    >
      <Field label={t("folders.title")} name="title" defaultValue={f.title} required autofocus maxLength={16384} hint={t("folders.rename.hint")} />
    </FormDialog>
  ));
}
