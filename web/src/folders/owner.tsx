// The dialog by which an administrator gives a folder to another user, or to a project.
import { useState } from "preact/hooks";
import { at, post } from "../api.ts";
import { visible } from "../format.ts";
import { useLoad } from "../load.ts";
import { type Folder, readAll } from "../model.ts";
import { t } from "../text.ts";
import { FormDialog, openDialog } from "../ui/dialog.tsx";
import { Loaded, toast } from "../ui/feedback.tsx";
import { Select } from "../ui/form.tsx";
import { UserField } from "../ui/userfield.tsx";
import { forget, refreshCatalog } from "./catalog.tsx";

/** after is called when it has another owner. */
export const giveFolder = (f: Folder, after: () => void): void => void openDialog((close) => <GiveFolder folder={f} after={after} onClose={close} />);

function GiveFolder({ folder, after, onClose }: { folder: Folder; after: () => void; onClose: () => void }) {
  const [kind, setKind] = useState("user");
  const [user, setUser] = useState("");
  const [project, setProject] = useState("");
  const projects = useLoad((signal) => readAll<{ id: string; title: string }>("/api/davit/projects", { all: "true" }, signal), []);
  return (
    <FormDialog
      title={t("folders.give.title")}
      action={t("folders.give.action")}
      disabled={kind === "user" ? user.trim() === "" : project === ""}
      onClose={onClose}
      onSubmit={async () => {
        await post(at`/api/davit/folders/${folder.id}/owner`, kind === "user" ? { user: user.trim() } : { project });
        toast(t("folders.give.done"));
        forget(folder.id); // if it is seen still, the list has it again at once
        void refreshCatalog();
        after();
      }}
    >
      <Select
        label={t("folders.give.to")} value={kind} onChange={(e) => setKind(e.currentTarget.value)}
        choices={[{ value: "user", label: t("folders.give.user") }, { value: "project", label: t("folders.give.project") }]}
      />
      {kind === "user" ? (
        <UserField label={t("folders.userName")} value={user} onChange={setUser} required />
      ) : (
        <Loaded of={projects}>
          {(all) => (
            <Select
              label={t("folders.give.projectName")} value={project} onChange={(e) => setProject(e.currentTarget.value)} required
              choices={[{ value: "", label: t("folders.give.choose"), disabled: true }, ...all.filter((p) => p.id !== folder.project?.id).map((p) => ({ value: p.id, label: visible(p.title) }))]}
            />
          )}
        </Loaded>
      )}
      <p class="hint">{t("folders.give.hint")}</p>
    </FormDialog>
  );
}
