// What administrators change about a folder.
import { useId, useState } from "preact/hooks";
import { Agent } from "../account/use.tsx";
import { at, call, get, post } from "../api.ts";
import { bytes, exactBytes, parseBytes, visible } from "../format.ts";
import { useLoad } from "../load.ts";
import { type Folder, readUses } from "../model.ts";
import { rich, t } from "../text.ts";
import { FormDialog } from "../ui/dialog.tsx";
import { Alert, toast, toastError } from "../ui/feedback.tsx";
import { Checkbox, Field, Select } from "../ui/form.tsx";
import { Name } from "../ui/name.tsx";
import { Time } from "../ui/page.tsx";

type Limit = number | null | "default";
type Done = { folder: Folder; onDone: (f: Folder) => void; onClose: () => void };

/** The limits of one folder: its own, none, or what its owner, product and the server say. */
export function LimitsDialog({ folder, onDone, onClose, save }: Done & { save: (limits: { maxBytes: Limit; maxFiles: Limit }) => Promise<Folder> }) {
  const [wrong, setWrong] = useState<{ bytes?: string; files?: string }>({});
  const read = (form: FormData, name: string, parse: (text: string) => number | undefined): Limit | undefined => {
    const kind = form.get(`${name}Kind`);
    return kind === "default" ? "default" : kind === "none" ? null : parse(String(form.get(name) ?? ""));
  };
  return (
    <FormDialog
      title={rich("admin.limits.title", { title: <Name text={folder.title} /> })} action={t("common.save")} onClose={onClose}
      onSubmit={async (form) => {
        const maxBytes = read(form, "bytes", parseBytes);
        const maxFiles = read(form, "files", (text) => (/^\s*\d[\d\s,]*$/.test(text) ? Number(text.replace(/[\s,]/g, "")) : undefined));
        setWrong({ ...(maxBytes === undefined && { bytes: t("admin.limits.badSize") }), ...(maxFiles === undefined && { files: t("admin.limits.badCount") }) });
        if (maxBytes === undefined || maxFiles === undefined) {
          throw new DOMException("", "AbortError"); // said at the fields
        }
        // 0 is none to people; the server's word for that is null.
        const now = await save({ maxBytes: maxBytes === 0 ? null : maxBytes, maxFiles: maxFiles === 0 ? null : maxFiles });
        toast(rich("admin.limits.done", { title: <Name text={folder.title} /> }));
        onDone(now);
      }}
    >
      <p class="quiet">{t("admin.limits.now", { size: bytes(folder.usage.bytes), n: folder.usage.files })}</p>
      <LimitField name="bytes" label={t("admin.limits.size")} own={t("admin.limits.sizeOwn")} hint={t("admin.limits.sizeHint")} value={folder.limits.maxBytes} write={exactBytes} error={wrong.bytes} />
      <LimitField name="files" label={t("admin.limits.files")} own={t("admin.limits.filesOwn")} hint={t("admin.limits.filesHint")} value={folder.limits.maxFiles} write={String} error={wrong.files} />
      <p class="quiet">{t("admin.limits.below")}</p>
    </FormDialog>
  );
}

function LimitField({ name, label, own, hint, value, write, error }: { name: string; label: string; own: string; hint: string; value: Limit; write: (n: number) => string; error: string | undefined }) {
  const [kind, setKind] = useState(value === "default" ? "default" : value === null ? "none" : "own");
  return (
    <fieldset class="form">
      <legend>{label}</legend>
      <Select
        label={t("admin.limits.kind", { what: label })} name={`${name}Kind`} value={kind} onChange={(e) => setKind(e.currentTarget.value)}
        choices={[{ value: "default", label: t("admin.limits.default") }, { value: "own", label: own }, { value: "none", label: t("admin.limits.none") }]}
      />
      {kind === "own" && <Field label={own} hint={hint} name={name} defaultValue={typeof value === "number" ? write(value) : ""} error={error} required />}
    </fieldset>
  );
}

/** Gives a folder to another user, or to a project. */
export function GiveDialog({ folder, onDone, onClose }: Done) {
  const [to, setTo] = useState<"user" | "project">("user");
  const [typed, setTyped] = useState("");
  const names = useLoad(
    async (signal) => {
      if (typed === "") {
        return [];
      }
      if (to === "user") {
        return (await get<{ names: string[] }>("/api/davit/users/find", { query: typed }, signal)).names;
      }
      const page = await get<{ items: { title: string }[] }>("/api/davit/projects", { all: true, itemsPerPage: 10, query: typed }, signal);
      return page.items.map((p) => p.title);
    },
    [to, typed],
  );
  const list = useId();
  const before = folder.project?.title ?? folder.owner;
  return (
    <FormDialog
      title={rich("admin.give.title", { title: <Name text={folder.title} /> })} action={t("admin.give.action")} onClose={onClose} disabled={typed.trim() === ""}
      onSubmit={async () => {
        const now = await post<Folder>(at`/api/davit/folders/${folder.id}/owner`, { [to]: typed.trim() });
        toast(rich("admin.give.done", { title: <Name text={folder.title} />, name: <Name text={typed.trim()} /> }));
        onDone(now);
      }}
    >
      <div class="prose">
        {before !== null && <p>{rich("admin.give.now", { name: <Name text={before} /> })}</p>}
        <p>{t("admin.give.what")}</p>
      </div>
      <Select label={t("admin.give.to")} value={to} onChange={(e) => { setTo(e.currentTarget.value === "project" ? "project" : "user"); setTyped(""); }} choices={[{ value: "user", label: t("admin.give.user") }, { value: "project", label: t("admin.give.project") }]} />
      <Field label={to === "user" ? t("admin.give.userName") : t("admin.give.projectTitle")} value={typed} onInput={(e) => setTyped(e.currentTarget.value)} {...({ list } as object)} required autofocus />
      <datalist id={list}>{(names.value ?? []).map((name) => <option key={name} value={name} />)}</datalist>
    </FormDialog>
  );
}

/** Deletes a folder: so that it can be restored, or for good. */
export function DeleteDialog({ folder, onDone, onClose }: { folder: Folder; onDone: () => void; onClose: () => void }) {
  const [final, setFinal] = useState(false);
  const [typed, setTyped] = useState("");
  const uses = useLoad((signal) => readUses(folder.id, signal), [folder.id]);
  // What can't be seen can't be typed.
  const word = visible(folder.title) === folder.title ? folder.title.trim() : folder.id;
  return (
    <FormDialog
      title={rich("admin.remove.title", { title: <Name text={folder.title} /> })} danger action={final ? t("admin.folders.purge") : t("admin.folders.delete")} onClose={onClose}
      disabled={final && typed.trim() !== word}
      onSubmit={async () => {
        await call("DELETE", at`/api/davit/folders/${folder.id}`, { query: final ? { final: true } : {} });
        toast(
          rich(final ? "admin.folders.purged" : "admin.remove.done", { title: <Name text={folder.title} /> }),
          final ? {} : { action: { label: t("admin.remove.undo"), run: () => void post(at`/api/davit/folders/${folder.id}/restore`).catch(toastError).then(() => onDone()) } },
        );
        onDone();
      }}
    >
      <div class="prose">
        <p>{t("admin.remove.what", { size: bytes(folder.usage.bytes), n: folder.usage.files })}</p>
        {uses.value?.inUse && (
          <Alert kind="warning">
            <p>{t("admin.remove.inUse")}</p>
            {uses.value.uses.length > 0 && <ul>{uses.value.uses.map((u, i) => <li key={i}><Name text={u.user} />, <Agent agent={u.agent} />, <Time at={u.last} /></li>)}</ul>}
          </Alert>
        )}
        {!final && <p>{t("admin.remove.kept")}</p>}
      </div>
      <Checkbox label={t("admin.remove.final")} hint={t("admin.remove.finalHint")} checked={final} onChange={(e) => setFinal(e.currentTarget.checked)} />
      {final && <Field label={rich("admin.remove.type", { title: <Name text={word} /> })} value={typed} onInput={(e) => setTyped(e.currentTarget.value)} />}
    </FormDialog>
  );
}
