// The dialog that limits what a folder may hold. Administrators set any limit; who manages a folder may only make
// room scarcer, up to what its owner's folders may have.
import { useState } from "preact/hooks";
import { Advice, at, patch, post } from "../api.ts";
import { bytes, exactBytes, parseBytes } from "../format.ts";
import type { Folder } from "../model.ts";
import { me } from "../session.ts";
import { t } from "../text.ts";
import { FormDialog, openDialog } from "../ui/dialog.tsx";
import { toast, Usage } from "../ui/feedback.tsx";
import { Field, Select } from "../ui/form.tsx";
import { refreshCatalog } from "./catalog.tsx";
import { can } from "./model.ts";

export const mayLimit = (f: Folder): boolean => me.value?.admin === true || can(f, "admin");

/** after is called when the limits are changed. */
export const limitFolder = (f: Folder, after: () => void): void => void openDialog((close) => <LimitFolder folder={f} after={after} onClose={close} />);

type Kind = "default" | "none" | "own";
const kindOf = (limit: number | null | "default"): Kind => (limit === "default" ? "default" : limit === null ? "none" : "own");

function LimitFolder({ folder, after, onClose }: { folder: Folder; after: () => void; onClose: () => void }) {
  const admin = me.value?.admin === true;
  const { limits, usage } = folder;
  const [bytesKind, setBytesKind] = useState(kindOf(limits.maxBytes));
  const [filesKind, setFilesKind] = useState(kindOf(limits.maxFiles));
  const kinds = [
    { value: "default", label: t("folders.limits.default") },
    ...(admin || bytesKind === "none" ? [{ value: "none", label: t("folders.limits.none") }] : []),
    { value: "own", label: t("folders.limits.own") },
  ];
  const submit = async (form: FormData) => {
    const maxBytes = parseBytes(String(form.get("bytes") ?? ""));
    if (bytesKind === "own" && (maxBytes === undefined || maxBytes < 1)) {
      throw new Advice(t("folders.limits.wrongBytes"));
    }
    const maxFiles = Number(form.get("files"));
    if (filesKind === "own" && admin && !(Number.isSafeInteger(maxFiles) && maxFiles >= 1)) {
      throw new Advice(t("folders.limits.wrongFiles"));
    }
    if (admin) {
      const value = (kind: Kind, n: number | undefined) => (kind === "default" ? "default" : kind === "none" ? null : n);
      await patch(at`/api/davit/folders/${folder.id}`, { limits: { maxBytes: value(bytesKind, maxBytes), maxFiles: value(filesKind, maxFiles) } });
    } else {
      // The server makes it as large as it may be.
      const { size_bytes: got } = await post<{ size_bytes: number }>("/folders/_/quota", { id: folder.id, input: { size_bytes: bytesKind === "own" ? maxBytes : 0 } });
      if (bytesKind === "own" && got !== maxBytes) {
        toast(t("folders.limits.capped", { bytes: bytes(got) }));
        void refreshCatalog();
        after();
        return;
      }
    }
    toast(t("folders.limits.done"));
    void refreshCatalog();
    after();
  };
  return (
    <FormDialog title={t("folders.limits.title")} action={t("common.save")} onSubmit={submit} onClose={onClose}>
      <Usage label={t("folders.used.bytes")} used={usage.bytes} max={usage.maxBytes} unit="bytes" />
      <Select label={t("folders.limits.bytes")} choices={kinds} value={bytesKind} onChange={(e) => setBytesKind(e.currentTarget.value as Kind)} />
      {bytesKind === "own" && (
        <Field
          label={t("folders.limits.size")} name="bytes" required hint={t("folders.limits.sizeHint")}
          defaultValue={typeof limits.maxBytes === "number" ? exactBytes(limits.maxBytes) : ""}
        />
      )}
      {admin && (
        <>
          <Select label={t("folders.limits.files")} choices={kinds} value={filesKind} onChange={(e) => setFilesKind(e.currentTarget.value as Kind)} />
          {filesKind === "own" && (
            <Field label={t("folders.limits.number")} name="files" type="number" min={1} required defaultValue={typeof limits.maxFiles === "number" ? String(limits.maxFiles) : ""} />
          )}
        </>
      )}
      <p class="hint">{t(admin ? "folders.limits.adminHint" : "folders.limits.hint")}</p>
    </FormDialog>
  );
}
