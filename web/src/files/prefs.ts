// How the person likes to see directories, kept by the browser.
import { signal } from "@preact/signals";
import type { Order, SortBy } from "./entry.ts";

type Prefs = { order: Order; hidden: boolean };
const key = "davit-files-view";

function read(): Prefs {
  const prefs: Prefs = { order: { by: "name", down: false }, hidden: false };
  try {
    const kept = JSON.parse(localStorage.getItem(key) ?? "{}") as { by?: string; down?: boolean; hidden?: boolean };
    if (kept.by === "size" || kept.by === "modified" || kept.by === "kind") {
      prefs.order = { by: kept.by satisfies SortBy, down: kept.down === true };
    } else if (kept.by === "name") {
      prefs.order = { by: "name", down: kept.down === true };
    }
    prefs.hidden = kept.hidden === true;
  } catch {
    // what another version wrote
  }
  return prefs;
}

export const prefs = signal<Prefs>(read());

export function setPrefs(change: Partial<Prefs>): void {
  prefs.value = { ...prefs.value, ...change };
  localStorage.setItem(key, JSON.stringify({ ...prefs.value.order, hidden: prefs.value.hidden }));
}
