// A dialog that asks for a directory of any folder that the person may write to.
import { useEffect, useRef, useState } from "preact/hooks";
import { fileID, items, post } from "../api.ts";
import { byName } from "../format.ts";
import { useLoad } from "../load.ts";
import { type Folder, readAll } from "../model.ts";
import { t } from "../text.ts";
import { Button } from "../ui/button.tsx";
import { Dialog, FormDialog, openDialog } from "../ui/dialog.tsx";
import { Alert, Failure, Spinner } from "../ui/feedback.tsx";
import { Field } from "../ui/form.tsx";
import { Icon } from "../ui/icon.tsx";
import { Name } from "../ui/name.tsx";
import { gone } from "./directory.ts";
import { filtered, nameOf, parentOf, sorted, stepsOf, trashName, within, wrongName, type Entry } from "./entry.ts";
import { readListing } from "./listing.ts";
import { why } from "./work.tsx";

export type Target = { folder: string; dir: string; title: string };

/** All folders that the person may write to, by title. */
async function writable(signal: AbortSignal): Promise<Folder[]> {
  const all = await readAll<Folder>("/api/davit/folders", { mine: true, deleted: false }, signal);
  return all.filter((f) => f.rights.includes("write")).sort((a, b) => byName(a.title, b.title));
}

/** Asks for a directory; resolves to undefined if the person leaves off. */
export function pickDirectory(title: string, action: string, start: Target): Promise<Target | undefined> {
  return new Promise((resolve) => {
    openDialog((close) => (
      <Picker
        title={title}
        action={action}
        start={start}
        onDone={(target) => {
          close();
          resolve(target);
        }}
      />
    ));
  });
}

// A list that nobody could scroll through is cut; the filter finds the rest.
const mostShown = 500;

function Picker({ title, action, start, onDone }: { title: string; action: string; start: Target; onDone: (t: Target | undefined) => void }) {
  const [here, setHere] = useState<Target | undefined>(start);
  const [filter, setFilter] = useState("");
  const [round, setRound] = useState(0);
  const list = useRef<HTMLUListElement>(null);
  const folders = useLoad(writable, []);
  const inside = useLoad(
    async (signal) => (here ? sorted((await readListing(here.folder, here.dir, { signal }))!.entries.filter((e) => e.dir && !(here.dir === "" && e.name === trashName)), { by: "name", down: false }) : []),
    [here?.folder ?? "", here?.dir ?? "", round],
  );
  useEffect(() => {
    // The place that the dialog opens at may be of a folder that is only read.
    if (folders.value && here && !folders.value.some((f) => f.id === here.folder)) {
      setHere(undefined);
    }
  }, [folders.value]);
  const to = (target: Target | undefined) => {
    setFilter("");
    setHere(target);
    list.current?.focus();
  };
  const shown: { key: string; name: string; icon: "folder" | "server"; target: Target; about: string }[] = here
    ? filtered((inside.value ?? []) as Entry[], filter, true).map((e) => ({ key: e.path, name: e.name, icon: "folder", target: { ...here, dir: e.path }, about: "" }))
    : (folders.value ?? [])
        .filter((f) => f.title.toLowerCase().includes(filter.toLowerCase()))
        .map((f) => ({ key: f.id, name: f.title, icon: "folder", target: { folder: f.id, dir: "", title: f.title }, about: f.project?.title ?? f.owner ?? "" }));
  const loading = here ? inside : folders;
  const make = () => {
    if (!here) {
      return;
    }
    openDialog((close) => (
      <FormDialog
        title={t("files.new.directory")}
        action={t("common.create")}
        onClose={close}
        onSubmit={async (form) => {
          const name = String(form.get("name"));
          const wrong = wrongName(name);
          if (wrong) {
            throw new Error(wrong);
          }
          await post("/api/files/folder", items({ id: fileID(here.folder, within(here.dir, name)), conflictPolicy: "REJECT" }));
          setRound((n) => n + 1);
          to({ ...here, dir: within(here.dir, name) });
        }}
      >
        <Field label={t("files.new.directoryName")} name="name" defaultValue={t("files.new.directoryInitial")} autofocus onFocus={(e) => e.currentTarget.select()} />
      </FormDialog>
    ));
  };
  return (
    <Dialog
      title={title}
      onClose={() => onDone(undefined)}
      footer={
        <>
          {here && <Button icon="folderAdd" class="start" onClick={make}>{t("files.new.directory")}</Button>}
          <Button onClick={() => onDone(undefined)}>{t("common.cancel")}</Button>
          <Button kind="primary" disabled={!here || inside.error !== undefined} onClick={() => onDone(here)}>{action}</Button>
        </>
      }
    >
      <div class="picker">
        <nav aria-label={t("files.picker.where")}>
          <ol class="crumbs">
            <li><button type="button" class="crumb" aria-current={here ? undefined : "location"} onClick={() => to(undefined)}>{t("nav.folders")}</button></li>
            {here && [here.title, ...stepsOf(here.dir)].map((step, i, all) => (
              <li key={i}>
                <button type="button" class="crumb" aria-current={i === all.length - 1 ? "location" : undefined} onClick={() => to({ ...here, dir: stepsOf(here.dir).slice(0, i).join("/") })}>
                  <Name text={step} />
                </button>
              </li>
            ))}
          </ol>
        </nav>
        <input type="search" class="picker-filter" aria-label={t("files.filter.label")} placeholder={t("files.filter.label")} value={filter} onInput={(e) => setFilter(e.currentTarget.value)} />
        {loading.error !== undefined && (gone(loading.error) ? <Alert kind="error">{why(loading.error)}</Alert> : <Failure error={loading.error} retry={loading.reload} />)}
        {loading.busy && !loading.value ? (
          <Spinner />
        ) : (
          <ul class="picker-list" ref={list} tabIndex={-1} aria-label={here ? t("files.picker.in", { name: nameOf(here.dir) || here.title }) : t("nav.folders")}>
            {here && (
              <li>
                <button type="button" class="picker-entry" onClick={() => to(here.dir === "" ? undefined : { ...here, dir: parentOf(here.dir) })}>
                  <Icon name="up" />
                  <span>{t("files.up")}</span>
                </button>
              </li>
            )}
            {shown.slice(0, mostShown).map((x) => (
              <li key={x.key}>
                <button type="button" class="picker-entry" onClick={() => to(x.target)}>
                  <Icon name={x.icon} />
                  <Name text={x.name} />
                  {x.about && <span class="quiet"><Name text={x.about} /></span>}
                </button>
              </li>
            ))}
            {shown.length === 0 && loading.value && <li><p class="quiet picker-none">{filter ? t("files.filter.none") : here ? t("files.picker.noDirectories") : t("files.picker.noFolders")}</p></li>}
            {shown.length > mostShown && <li><p class="quiet picker-none">{t("files.picker.more", { n: shown.length - mostShown })}</p></li>}
          </ul>
        )}
      </div>
    </Dialog>
  );
}

