// What can be done with entries. Each action asks what it must, does it, tells how it went, and has the view read again.
import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { at, call, davPath, fileID, items, pathIn, post, Problem, request } from "../api.ts";
import { date, visible } from "../format.ts";
import { goUnlessLeft, href } from "../route.ts";
import { onEnd } from "../session.ts";
import { rich, t } from "../text.ts";
import { Button } from "../ui/button.tsx";
import { confirm, FormDialog, openDialog } from "../ui/dialog.tsx";
import { toast, toastError } from "../ui/feedback.tsx";
import { Field, writeClipboard } from "../ui/form.tsx";
import { Name } from "../ui/name.tsx";
import { useState } from "preact/hooks";
import type { Folder, Lock } from "../model.ts";
import { lockOf } from "./directory.ts";
import { isBelow, nameOf, parentOf, stepsOf, trashName, within, wrongName, type Entry } from "./entry.ts";
import { tell, why, work, type Failed, type Outcome, type Task } from "./work.tsx";

/** Where actions happen: a directory of a folder, as it is shown. */
export type Place = {
  folder: Folder;
  dir: string;
  locks: readonly Lock[];
  /** Has the directory read again, and then something in it selected. */
  changed: (select?: readonly string[]) => void;
};

/** A thing that is to be brought somewhere. */
export type Item = { path: string; dir: boolean };

/** What was copied or cut. */
export const clipboard = signal<{ folder: string; items: readonly Item[]; cut: boolean } | null>(null);
onEnd(() => {
  clipboard.value = null;
});

export const directoryHref = (folder: string, dir: string, query: { [name: string]: string } = {}): string => href(["files", folder, ...stepsOf(dir)], query);
export const fileHref = (folder: string, path: string): string => href(["view", folder, ...stepsOf(path)]);
export const hrefOf = (folder: string, e: Entry): string => (e.dir ? directoryHref(folder, e.path) : fileHref(folder, e.path));

/** A name in words that say how many there are beside it. */
function named(list: readonly Item[]): ComponentChildren {
  return list.length === 1 ? <Name text={nameOf(list[0]!.path)} /> : t("files.entries", { n: list.length });
}

/** What may help with a refusal: who holds a lock, and a way to remove it for who may. */
function advice(place: Place) {
  return (f: Failed): ComponentChildren => {
    if (!(f.error instanceof Problem) || f.error.code !== "locked") {
      return f.error instanceof Problem && (f.error.status === 402 || f.error.status === 507) ? <p class="quiet">{t("files.advice.full")}</p> : null;
    }
    return <LockAdvice place={place} path={f.task.path} />;
  };
}

/** Who holds the lock that is in the way, since when, and what to do. */
function LockAdvice({ place, path }: { place: Place; path: string }) {
  const lock = lockOf(place.locks, path) ?? place.locks.find((l) => isBelow(l.path.replace(/^\/|\/$/g, ""), path));
  return (
    <>
      <p class="quiet">{lock ? t("files.advice.lockedBy", { user: visible(lock.user), since: date(lock.since), until: date(lock.until) }) : t("files.advice.locked")}</p>
      {lock?.token && <p><Button icon="lock" onClick={() => breakLock(place, lock)}>{t("files.lock.remove")}</Button></p>}
    </>
  );
}

/** Removes a lock after a question. */
export function breakLock(place: Place, lock: Lock): void {
  void confirm({
    title: t("files.lock.title"),
    body: <p>{rich("files.lock.body", { user: <Name text={lock.user} />, name: <Name text={lock.path} /> })}</p>,
    action: t("files.lock.remove"),
    danger: true,
    run: async () => {
      await request("DELETE", at`/api/davit/folders/${place.folder.id}/locks/${lock.token ?? ""}`);
      toast(t("files.lock.removed"));
      place.changed();
    },
  });
}

function tasksOf(folder: string, list: readonly Item[]): Task[] {
  return list.map((e) => ({ path: e.path, dir: e.dir, body: { id: fileID(folder, e.path) } }));
}

const itemsOf = (out: Outcome): Item[] => out.done.map((d) => d.task);

/** Moves entries to the trash; the note that says so takes them back. */
export async function trash(place: Place, list: readonly Item[]): Promise<void> {
  const { id } = place.folder;
  const out = await work({ method: "POST", path: "/api/files/trash", tasks: tasksOf(id, list), title: t("files.trash.moving") });
  if (out.done.length === 0 && out.failed[0]?.error instanceof Problem && out.failed[0].error.code === "FEATURE_NOT_SUPPORTED_BY_PROVIDER") {
    removeForGood(place, list, t("files.trash.unsupported"));
    return;
  }
  place.changed();
  const back = out.done.filter((d) => d.id !== "").map((d) => ({ path: pathIn(id, d.id), dir: d.task.dir }));
  tell(
    out,
    { done: rich("files.trash.moved", { what: named(itemsOf(out)) }), failed: t("files.trash.notMoved") },
    advice(place),
    back.length > 0 ? () => { restore(place, back).catch(toastError); } : undefined,
  );
}

/** Brings entries of the trash back to where they were. */
export async function restore(place: Place, list: readonly Item[]): Promise<void> {
  const { id } = place.folder;
  const out = await work({ method: "POST", path: "/api/files/restore", tasks: tasksOf(id, list), title: t("files.trash.restoring") });
  place.changed(out.done.map((d) => pathIn(id, d.id)).filter((p) => parentOf(p) === place.dir));
  const first = pathIn(id, out.done[0]?.id ?? "");
  const words = out.done.length === 1 && first !== ""
    ? rich("files.trash.restoredAs", { name: <Name text={nameOf(first)} />, directory: <Name text={parentOf(first) || place.folder.title} /> })
    : t("files.trash.restored", { n: out.done.length });
  tell(out, { done: words, failed: t("files.trash.notRestored") }, advice(place));
}

/** Deletes entries for good, after a question. */
export function removeForGood(place: Place, list: readonly Item[], because?: string): void {
  void confirm({
    title: t("files.remove.title", { n: list.length }),
    body: (
      <>
        {because && <p>{because}</p>}
        <p>{rich("files.remove.body", { what: list.length === 1 ? <strong><Name text={nameOf(list[0]!.path)} /></strong> : t("files.entries", { n: list.length }) })}</p>
        {list.some((e) => e.dir) && <p>{t("files.remove.directories")}</p>}
      </>
    ),
    action: t("files.remove.action"),
    danger: true,
  }).then(async (yes) => {
    if (!yes) {
      return;
    }
    const out = await work({ method: "DELETE", path: "/api/files", tasks: tasksOf(place.folder.id, list), title: t("files.remove.removing") });
    place.changed();
    tell(out, { done: rich("files.remove.done", { what: named(itemsOf(out)) }), failed: t("files.remove.failed") }, advice(place));
  }).catch(toastError);
}

/** Deletes all that is in the trash, after a question. */
export function emptyTrash(place: Place): void {
  void confirm({
    title: t("files.trash.emptyTitle"),
    body: <p>{t("files.trash.emptyBody")}</p>,
    action: t("files.trash.empty"),
    danger: true,
    run: async () => {
      await post("/api/files/emptyTrash", items({ id: fileID(place.folder.id, trashName) }));
      toast(t("files.trash.emptied"));
      place.changed();
    },
  });
}

/** Brings entries of a folder into a directory of the same or another one. */
export async function bring(place: Place, move: boolean, from: string, list: readonly Item[], to: { folder: string; dir: string; title: string }): Promise<void> {
  const wanted = list.filter((e) => !(move && from === to.folder && parentOf(e.path) === to.dir));
  if (wanted.length === 0) {
    toast(t("files.move.already"));
    return;
  }
  const into = wanted.find((e) => e.dir && from === to.folder && isBelow(to.dir, e.path));
  if (into) {
    toast(rich("files.move.intoItself", { name: <Name text={nameOf(into.path)} /> }), { kind: "error" });
    return;
  }
  // A copy beside what it is of gets a name of its own without a question.
  const beside = !move && from === to.folder && wanted.every((e) => parentOf(e.path) === to.dir);
  const tasks: Task[] = wanted.map((e) => ({
    path: e.path, dir: e.dir,
    body: { oldId: fileID(from, e.path), newId: fileID(to.folder, within(to.dir, nameOf(e.path))), ...(beside && { conflictPolicy: "RENAME" }) },
  }));
  const destination = nameOf(to.dir) || to.title;
  const out = await work({
    method: "POST", path: move ? "/api/files/move" : "/api/files/copy", tasks, title: t(move ? "files.move.moving" : "files.copy.copying"),
    conflicts: beside ? undefined : { destination },
  });
  if (move && clipboard.value?.cut) {
    clipboard.value = null;
  }
  place.changed(to.folder === place.folder.id ? out.done.map((d) => pathIn(to.folder, d.id)).filter((p) => parentOf(p) === place.dir) : undefined);
  const undo = move && !out.replaced ? out.done.filter((d) => d.id !== "") : [];
  tell(
    out,
    {
      done: rich(move ? "files.move.done" : "files.copy.done", { what: named(itemsOf(out)), directory: <Name text={destination} /> }),
      failed: t(move ? "files.move.failed" : "files.copy.failed"),
    },
    advice(place),
    undo.length > 0
      ? () => {
          const backTasks: Task[] = undo.map((d) => ({ path: pathIn(to.folder, d.id), dir: d.task.dir, body: { oldId: d.id, newId: d.task.body["oldId"]! } }));
          work({ method: "POST", path: "/api/files/move", tasks: backTasks, title: t("files.move.moving"), conflicts: { destination: place.folder.title } }).then((back) => {
            place.changed();
            tell(back, { done: t("files.move.undone"), failed: t("files.move.failed") }, advice(place));
          }).catch(toastError);
        }
      : undefined,
  );
}

/** Puts what was copied or cut into a directory. */
export function paste(place: Place, dir: string): void {
  const c = clipboard.value;
  if (c) {
    bring(place, c.cut, c.folder, c.items, { folder: place.folder.id, dir, title: place.folder.title }).catch(toastError);
  }
}

export function copyToClipboard(folder: string, list: readonly Item[], cut: boolean): void {
  clipboard.value = { folder, items: list.map((e) => ({ path: e.path, dir: e.dir })), cut };
  toast(t(cut ? "files.cutDone" : "files.copiedDone", { n: list.length }));
}

/** Gives an entry another name; throws what the server says. */
export async function rename(place: Place, e: Entry, name: string): Promise<void> {
  const to = within(parentOf(e.path), name);
  await post("/api/files/move", items({ oldId: fileID(place.folder.id, e.path), newId: fileID(place.folder.id, to), conflictPolicy: "REJECT" }));
  place.changed([to]);
}

/** The words for a name that was refused. */
export function nameRefused(place: Place, path: string, error: unknown): string {
  if (error instanceof Problem && error.code === "file-exists") {
    return t("files.names.taken");
  }
  if (error instanceof Problem && error.code === "locked") {
    const lock = lockOf(place.locks, path);
    return lock ? t("files.advice.lockedBy", { user: visible(lock.user), since: date(lock.since), until: date(lock.until) }) : t("files.names.locked", { why: visible(why(error)) });
  }
  return visible(why(error));
}

function NameDialog({ title, label, initial, onName, onClose, place }: { title: string; label: string; initial: string; onName: (name: string) => Promise<void>; onClose: () => void; place: Place }) {
  const [error, setError] = useState<string>();
  return (
    <FormDialog
      title={title}
      action={t("common.create")}
      onClose={onClose}
      onSubmit={async (form) => {
        const name = String(form.get("name"));
        const wrong = wrongName(name);
        setError(wrong);
        if (wrong) {
          throw new DOMException("the field says why", "AbortError");
        }
        try {
          await onName(name);
        } catch (e) {
          setError(nameRefused(place, within(place.dir, name), e));
          throw new DOMException("the field says why", "AbortError");
        }
      }}
    >
      <Field label={label} name="name" defaultValue={initial} autofocus onFocus={(e) => e.currentTarget.select()} error={error} />
    </FormDialog>
  );
}

/** Makes a directory, after asking for its name. */
export function newDirectory(place: Place): void {
  openDialog((close) => (
    <NameDialog
      place={place}
      title={t("files.new.directory")}
      label={t("files.new.directoryName")}
      initial={t("files.new.directoryInitial")}
      onClose={close}
      onName={async (name) => {
        const path = within(place.dir, name);
        await post("/api/files/folder", items({ id: fileID(place.folder.id, path), conflictPolicy: "REJECT" }));
        place.changed([path]);
      }}
    />
  ));
}

/** Makes an empty text file, after asking for its name, and opens it. */
export function newText(place: Place): void {
  openDialog((close) => (
    <NameDialog
      place={place}
      title={t("files.new.text")}
      label={t("files.new.textName")}
      initial={t("files.new.textInitial")}
      onClose={close}
      onName={async (name) => {
        const path = within(place.dir, name);
        const goOn = goUnlessLeft();
        try {
          await request("PUT", davPath(place.folder.id, path), { body: new Blob([], { type: "text/plain" }), headers: { "If-None-Match": "*" } });
        } catch (e) {
          throw e instanceof Problem && e.status === 412 ? new Problem(412, "file-exists", t("files.names.taken")) : e;
        }
        place.changed([path]);
        goOn(fileHref(place.folder.id, path));
      }}
    />
  ));
}

const mostArchived = 1000;

// What is asked for, so that a button that was pressed twice does not download it twice.
const asked = new Set<string>();

/** Has the browser download a file as it is, or several and directories as one zip file. */
export async function download(folder: Folder, dir: string, list: readonly Item[], all: boolean): Promise<void> {
  const what = JSON.stringify([folder.id, dir, all, list.length, list[0]?.path, list.at(-1)?.path]);
  if (asked.has(what)) {
    return;
  }
  asked.add(what);
  try {
    await ask(folder, dir, list, all);
  } finally {
    asked.delete(what);
  }
}

async function ask(folder: Folder, dir: string, list: readonly Item[], all: boolean): Promise<void> {
  const only = list.length === 1 ? list[0]! : undefined;
  let link: { endpoint: string };
  if (only && !only.dir) {
    link = (await call<{ responses: { endpoint: string }[] }>("POST", "/api/files/download", { body: items({ id: fileID(folder.id, only.path) }) })).responses[0]!;
  } else {
    const ids = all ? [fileID(folder.id, dir)] : list.map((e) => fileID(folder.id, e.path));
    if (ids.length > mostArchived) {
      toast(t("files.download.tooMany", { n: mostArchived }), { kind: "error" });
      return;
    }
    link = await post<{ endpoint: string }>("/api/davit/archive", { ids, filename: `${only ? nameOf(only.path) : nameOf(dir) || folder.title}.zip` });
  }
  const url = new URL(link.endpoint, location.href);
  const a = document.createElement("a");
  a.href = url.pathname + url.search; // the same server, by the name that the page has of it
  a.download = "";
  document.body.append(a);
  a.click();
  a.remove();
}

/** The address of an entry for WebDAV clients. */
export const davURL = (folder: string, e: Item): string => location.origin + davPath(folder, e.path) + (e.dir && e.path !== "" ? "/" : "");

export function copyDavURL(folder: string, e: Item): void {
  writeClipboard(davURL(folder, e)).then(() => toast(t("common.copied")), toastError);
}
