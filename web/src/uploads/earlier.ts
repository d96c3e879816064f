// Uploads that were begun before and are not finished: what this browser remembers, and what the server keeps. They go
// on when the person chooses the same files again, or allows the page to read them where the browser has kept the way.
import { signal } from "@preact/signals";
import { visible } from "../format.ts";
import { me, onEnd } from "../session.ts";
import { t } from "../text.ts";
import { type Collected, fromHandles } from "./collect.ts";
import * as memory from "./memory.ts";
import type { Target } from "./place.ts";
import { add, batches, uploads } from "./queue.ts";
import { drop, listOnServer, type OnServer, standing } from "./send.ts";
import { askTabs, elsewhere } from "./tabs.ts";
import { differs } from "./trouble.ts";

/** One of them. */
export type Earlier = {
  key: string;
  name: string;
  target: Target;
  directory: boolean;
  /** Files that were chosen, and those that have arrived. */
  files: number;
  done: number;
  /** Bytes that are still to be sent, and of all. */
  left: number;
  bytes: number;
  started: string | number;
  handles: FileSystemHandle[];
  /** What the memory has; else it is known to the server only. */
  kept?: { batch: memory.Kept; done: Set<number>; urls: memory.KeptURL[] };
  onServer: OnServer[];
};

export const earlier = signal<readonly Earlier[]>([]);

/** What went wrong with going on, by key. */
export const remarks = signal<{ readonly [key: string]: string }>({});

onEnd(() => {
  earlier.value = [];
  remarks.value = {};
});

/** Reads what there is. */
export async function readEarlier(): Promise<void> {
  const user = me.value?.id;
  if (!user) {
    return;
  }
  const here = new Set(batches.map((b) => b.id)); // also those that end meanwhile
  const [server, kept] = await Promise.all([listOnServer(), memory.recall(user), askTabs()]);
  if (me.value?.id !== user) {
    return;
  }
  const byURL = new Map(server.map((s) => [s.url, s]));
  for (const id of [...batches.map((b) => b.id), ...elsewhere.value]) {
    here.add(id);
  }
  const found: Earlier[] = [];
  for (const k of kept) {
    const { batch, done, urls } = k;
    const onServer = urls.flatMap((u) => byURL.get(u.url) ?? []);
    onServer.forEach((s) => byURL.delete(s.url));
    if (here.has(batch.id)) {
      continue;
    }
    const rest = batch.files.filter((_, i) => !done.has(i));
    if (rest.length === 0) {
      void memory.forget(batch.id);
      continue;
    }
    const sum = (files: memory.Kept["files"]) => files.reduce((n, f) => n + f[1], 0);
    const name = batch.name !== "" ? batch.name : t("uploads.groups.failed", { n: batch.files.length });
    found.push({
      key: batch.id, name, target: { folder: batch.folder, folderName: batch.folderName, path: batch.path }, directory: batch.directory,
      files: batch.files.length, done: done.size, bytes: sum(batch.files), left: sum(rest) - onServer.reduce((n, s) => n + s.offset, 0),
      started: batch.started, handles: batch.handles, kept: k, onServer,
    });
  }
  const running = new Set(uploads().map((u) => u.url));
  for (const s of byURL.values()) {
    if (running.has(s.url) || s.length === null) { // without a length another program makes it, and nothing tells which file it is
      continue;
    }
    const slash = s.path.lastIndexOf("/");
    found.push({
      key: s.id, name: s.path.slice(slash + 1), target: { folder: s.folder, folderName: "", path: s.path.slice(0, Math.max(0, slash)) }, directory: false,
      files: 1, done: 0, bytes: s.length, left: s.length - s.offset, started: s.created, handles: [], onServer: [s],
    });
  }
  earlier.value = found;
}

function remark(e: Earlier, text: string): void {
  remarks.value = { ...remarks.value, [e.key]: text };
}

/** Whether the browser knows the way to the files of its own, if the person allows it. */
export const knowsWay = (e: Earlier): boolean => e.handles.length > 0;

type Permitted = FileSystemHandle & { requestPermission?: (how: { mode: "read" }) => Promise<PermissionState> };

/** Goes on with files that the browser knows the way to; false if it does not any more, or may not. To be called by a click. */
export async function goOnByWay(e: Earlier): Promise<boolean> {
  const handles = e.handles as Permitted[];
  e.handles = []; // if it does not lead there, the person chooses the next time
  try {
    for (const h of handles) {
      if ((await h.requestPermission?.({ mode: "read" })) !== "granted") {
        return false;
      }
    }
    await goOn(e, await fromHandles(handles));
    return true;
  } catch {
    return false;
  }
}

/** Goes on with files that were chosen, as far as they are the same: of one size and time. */
export async function goOn(e: Earlier, chosen: Collected): Promise<void> {
  const byPath = new Map(chosen.files.map((f) => [f.path, f.file]));
  if (!e.kept) {
    const s = e.onServer[0]!;
    const at = await standing(s.url);
    const file = byPath.get(e.name) ?? (chosen.files.length === 1 ? chosen.files[0]!.file : undefined);
    if (!at) {
      remark(e, t("uploads.trouble.ended"));
    } else if (!file) {
      remark(e, t("uploads.earlier.noneOf", { name: visible(e.name) }));
    } else if (file.size !== s.length || (at.seconds !== undefined && at.seconds !== Math.floor(file.lastModified / 1000))) {
      remark(e, differs(file, s.length ?? 0, at.seconds));
    } else {
      take(e, { ...chosen, files: [{ path: e.name, file }], dirs: [] }, new Map([[e.name, s.url]]), new Map(), 0, "");
    }
    return;
  }
  const { batch, done, urls } = e.kept;
  const byIndex = new Map(urls.map((u) => [u.file, u.url]));
  const live = new Set(e.onServer.map((s) => s.url));
  const files: Collected["files"] = [];
  const index = new Map<string, number>();
  const goesOn = new Map<string, string>();
  const other: { file: File; size: number; seconds: number }[] = [];
  let missing = 0;
  for (const [i, [path, size, seconds]] of batch.files.entries()) {
    if (done.has(i)) {
      continue;
    }
    const file = byPath.get(path);
    if (!file) {
      missing++;
    } else if (file.size !== size || Math.floor(file.lastModified / 1000) !== seconds) {
      other.push({ file, size, seconds });
    } else {
      files.push({ path, file });
      index.set(path, i);
      const url = byIndex.get(i);
      if (url !== undefined && live.has(url)) {
        goesOn.set(path, url);
      }
    }
  }
  const first = other[0];
  let text = "";
  if (first && other.length === 1) {
    text = differs(first.file, first.size, first.seconds);
  } else if (first) {
    text = t("uploads.earlier.differSome", { n: other.length, names: other.slice(0, 5).map((o) => visible(o.file.name)).join(", ") + (other.length > 5 ? ", …" : "") });
  } else if (files.length === 0) {
    text = t("uploads.earlier.noneOf", { name: visible(e.name) });
  } else if (missing > 0) {
    text = t("uploads.earlier.missing", { n: missing });
  }
  if (files.length === 0) {
    remark(e, text);
    return;
  }
  take(e, { files, dirs: batch.directory ? chosen.dirs : [], unread: [], handles: [] }, goesOn, index, missing + other.length, text);
}

function take(e: Earlier, found: Collected, urls: Map<string, string>, index: Map<string, number>, others: number, text: string): void {
  const { [e.key]: _, ...rest } = remarks.value;
  remarks.value = text === "" ? rest : { ...rest, [e.key]: text };
  earlier.value = earlier.value.filter((o) => o !== e);
  add(e.target, found, { batch: e.key, index, urls, others });
}

/** Gives up: what has arrived of unfinished files is removed from the server. */
export async function discard(e: Earlier): Promise<void> {
  for (const s of e.onServer) {
    await drop(s.url);
  }
  await memory.forget(e.key);
  earlier.value = earlier.value.filter((o) => o !== e);
}
