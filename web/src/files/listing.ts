// A directory read from the server, shown while it comes, and read again when it has changed.
import { at, brokenOff, fileID, get, pathIn, Problem, request } from "../api.ts";
import { t } from "../text.ts";
import { within, type Entry } from "./entry.ts";

/** The directory itself. */
export type Facts = { path: string; etag: string; modified: number; rights: string[]; writable: boolean; locked: boolean };
export type Listing = { facts: Facts; entries: readonly Entry[]; whole: boolean };

type Line = { name: string; type: "file" | "dir"; size?: number; modified: number; etag: string; locked?: boolean };

/**
 * Reads a directory. some gets what there is so far, at growing distances, for long listings; the result is whole.
 * With the etag of an earlier reading, undefined says that nothing has changed.
 */
export async function readListing(folder: string, dir: string, opts: { signal: AbortSignal; etag?: string; some?: (l: Listing) => void }): Promise<Listing | undefined> {
  const res = await request("GET", at`/api/davit/folders/${folder}/files`, {
    query: { path: dir },
    signal: opts.signal,
    ...(opts.etag && { headers: { "If-None-Match": opts.etag } }),
  });
  if (res.status === 304) {
    return undefined;
  }
  let facts: Facts | undefined;
  let whole = false;
  const entries: Entry[] = [];
  let shown = 0;
  let breath = performance.now();
  const take = (text: string) => {
    const line = JSON.parse(text) as unknown;
    if (!facts) {
      facts = { ...(line as Facts), etag: res.headers.get("ETag") ?? (line as Facts).etag };
    } else if (typeof (line as { name?: unknown }).name === "string") {
      const m = line as Line;
      entries.push({ path: within(dir, m.name), name: m.name, dir: m.type === "dir", size: m.size ?? 0, modified: m.modified, etag: m.etag, locked: m.locked === true });
    } else {
      whole = (line as { end?: boolean }).end === true;
    }
  };
  const reader = res.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read().catch(brokenOff);
    if (done) {
      break;
    }
    const lines = (rest + value).split("\n");
    rest = lines.pop()!;
    lines.forEach(take);
    if (facts && opts.some && entries.length > Math.max(500, shown * 4)) {
      shown = entries.length;
      opts.some({ facts, entries: entries.slice(), whole: false });
      breath = 0;
    }
    if (performance.now() - breath > 40) {
      await new Promise((done) => setTimeout(done)); // what is pressed meanwhile is answered, and what is there is drawn
      breath = performance.now();
    }
  }
  if (rest !== "") {
    take(rest);
  }
  if (!facts || !whole) {
    throw new Problem(0, "unreachable", t("errors.unreachable")); // it broke off
  }
  return { facts, entries, whole };
}

/** A file as the API of files shows it. */
export type FileJSON = {
  id: string;
  createdAt: number;
  status: {
    type: "FILE" | "DIRECTORY";
    sizeInBytes: number | null;
    sizeIncludingChildrenInBytes: number | null;
    fileCount: number | null;
    directoryCount: number | null;
    modifiedAt: number;
    trashed: { origin: string; at: number; by: string | null } | null;
  };
};

type FilePage = { items: FileJSON[]; next: string | null };

/** Where the members of a directory in the trash came from, by name. */
export async function readOrigins(folder: string, dir: string, signal: AbortSignal): Promise<Map<string, NonNullable<Entry["trashed"]>>> {
  const origins = new Map<string, NonNullable<Entry["trashed"]>>();
  let next: string | null = null;
  do {
    const page: FilePage = await get<FilePage>("/api/files/browse", { path: fileID(folder, dir), itemsPerPage: 1000, next }, signal);
    for (const f of page.items) {
      if (f.status.trashed) {
        origins.set(f.id.slice(f.id.lastIndexOf("/") + 1), f.status.trashed);
      }
    }
    next = page.next;
  } while (next !== null);
  return origins;
}

/** An entry from the API of files. */
export function entryOf(folder: string, f: FileJSON): Entry {
  const path = pathIn(folder, f.id);
  return {
    path, name: path.slice(path.lastIndexOf("/") + 1), dir: f.status.type === "DIRECTORY", size: f.status.sizeInBytes ?? 0, modified: f.status.modifiedAt,
    etag: "", locked: false,
  };
}
