// A directory that is shown: read when it is gone to, and again when it changes, by whatever door. Its folder and
// the locks in it likewise.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { aborted, at, get, Problem } from "../api.ts";
import { useEvery, useLoad, type Loading } from "../load.ts";
import { type Folder, type Lock, readFolder } from "../model.ts";
import { isBelow, isTrash, inTrash, type Entry } from "./entry.ts";
import { readListing, readOrigins, type Listing } from "./listing.ts";

export type Directory = {
  listing: Listing | undefined;
  error: unknown;
  busy: boolean;
  locks: readonly Lock[];
  /** Reads again, if it has changed. */
  reload: () => void;
};

const pollEvery = 5000;

export function useDirectory(folder: string, dir: string): Directory {
  const key = `${folder}/${dir}`;
  const [now, setNow] = useState<{ key: string; listing?: Listing; error?: unknown; busy: boolean; locks: readonly Lock[] }>({ key, busy: true, locks: [] });
  const running = useRef<AbortController | null>(null);
  const etag = useRef("");
  const nextPoll = useRef(0);

  const current = useRef(key);
  current.current = key;

  const read = useCallback(async () => {
    if (current.current !== key) {
      return; // asked for by work that ended after the person had gone on
    }
    running.current?.abort();
    const abort = new AbortController();
    running.current = abort;
    const began = performance.now();
    let long = 3;
    const set = (change: Partial<typeof now>) => {
      if (!abort.signal.aborted) {
        setNow((was) => (was.key === key ? { ...was, ...change } : { key, busy: true, locks: [], ...change }));
      }
    };
    set({ busy: true });
    try {
      const first = etag.current === "";
      const listing = await readListing(folder, dir, {
        signal: abort.signal,
        etag: etag.current,
        ...(first && { some: (l: Listing) => set({ listing: l }) }),
      });
      if (abort.signal.aborted) {
        return;
      }
      if (!listing) {
        long = 0;
        set({ error: undefined, busy: false });
        return;
      }
      const [origins, locks] = await Promise.all([
        isTrash(dir) || inTrash(dir) ? readOrigins(folder, dir, abort.signal) : undefined,
        listing.facts.locked || listing.entries.some((e) => e.locked) ? get<{ locks: Lock[] }>(at`/api/davit/folders/${folder}/locks`, {}, abort.signal) : undefined,
      ]);
      const entries = origins ? listing.entries.map((e) => ({ ...e, trashed: origins.get(e.name) ?? null })) : listing.entries;
      if (!abort.signal.aborted) {
        etag.current = listing.facts.etag;
        set({ listing: { ...listing, entries }, error: undefined, busy: false, locks: locks?.locks ?? [] });
      }
    } catch (error) {
      if (!aborted(error)) {
        etag.current = "";
        set({ error, busy: false });
      }
    } finally {
      if (running.current === abort) {
        running.current = null;
        // A directory that is long to read and always changes is not read all the time.
        nextPoll.current = performance.now() + long * (performance.now() - began);
      }
    }
  }, [key]);

  useEffect(() => {
    etag.current = "";
    void read();
    return () => {
      running.current?.abort();
      running.current = null;
    };
  }, [read]);
  useEvery(pollEvery, () => {
    if (!running.current && performance.now() >= nextPoll.current) {
      void read();
    }
  });

  const mine = now.key === key ? now : { key, busy: true, locks: [] as readonly Lock[], listing: undefined, error: undefined };
  return { listing: mine.listing, error: mine.error, busy: mine.busy, locks: mine.locks, reload: () => void read() };
}

/** The folder: its title, the caller's rights, and how much is in it. */
export function useFolder(id: string): Loading<Folder> {
  const folder = useLoad((signal) => readFolder(id, signal), [id]);
  useEvery(15000, folder.reload);
  return folder;
}

/** The lock that holds an entry: its own, or one of a directory above it that holds all below. */
export function lockOf(locks: readonly Lock[], path: string): Lock | undefined {
  return locks.find((l) => {
    const locked = l.path.replace(/^\/|\/$/g, "");
    return locked === path || (l.depth === "infinity" && isBelow(path, locked));
  });
}

/** Whether an error says that what was asked for is not there, or not for this person any more. */
export const gone = (error: unknown): boolean => error instanceof Problem && (error.status === 404 || error.status === 403 || error.status === 410);

export type { Entry };
