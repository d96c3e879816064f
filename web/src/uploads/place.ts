// What the rest of the page and the queue of uploads know of each other. It is small: the queue itself is loaded when
// something is uploaded, or when there is something to go on with.
import { signal } from "@preact/signals";
import { visible } from "../format.ts";

/** Where files go to: a directory of a folder. path has no slash at its ends, and is "" for the folder itself. */
export type Target = { folder: string; folderName: string; path: string };

/** The name of a place, for people. */
export const placeOf = (target: Target): string => visible([target.folderName, ...target.path.split("/")].filter((s) => s !== "").join(" / "));

/** The panel is to be seen. */
export const wanted = signal(false);

type Listener = (folder: string, dirs: ReadonlySet<string>) => void;
const listeners = new Set<Listener>();
const fresh = new Map<string, Set<string>>();
let timer: ReturnType<typeof setTimeout> | undefined;

/** Tells that something new is in a directory. Who listens hears of many at once, about once a second. */
export function landed(folder: string, dir: string): void {
  let dirs = fresh.get(folder);
  if (!dirs) {
    fresh.set(folder, (dirs = new Set()));
  }
  dirs.add(dir);
  timer ??= setTimeout(() => {
    timer = undefined;
    const all = [...fresh];
    fresh.clear();
    for (const [folder, dirs] of all) {
      listeners.forEach((f) => f(folder, dirs));
    }
  }, 800);
}

/** Calls f with directories in which uploads have put something. Returns what ends that. */
export function onLanded(f: Listener): () => void {
  listeners.add(f);
  return () => listeners.delete(f);
}
