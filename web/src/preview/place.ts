// Files by their place: a folder's ID and the steps of the path in it.
import { davPath, fileID, get, items, post } from "../api.ts";
import { href } from "../route.ts";

export type Place = { folder: string; steps: readonly string[] };

export const nameOf = (p: Place): string => p.steps.at(-1) ?? "";
export const pathOf = (p: Place): string => p.steps.join("/");
export const davOf = (p: Place): string => davPath(p.folder, pathOf(p));
export const idOf = (p: Place): string => fileID(p.folder, pathOf(p));
export const sibling = (p: Place, name: string): Place => ({ folder: p.folder, steps: [...p.steps.slice(0, -1), name] });

/** Where a file is viewed, and where its directory is listed. */
export const viewHref = (p: Place): string => href(["view", p.folder, ...p.steps]);
export const directoryHref = (p: Place): string => href(["files", p.folder, ...p.steps.slice(0, -1)]);

/** A file or directory, as GET /api/files/retrieve tells. */
export type File = {
  id: string;
  status: { type: "FILE" | "DIRECTORY"; sizeInBytes: number | null; modifiedAt: number };
  permissions: { myself: ("READ" | "EDIT" | "ADMIN")[] };
};

export const stat = (p: Place, signal: AbortSignal): Promise<File> => get<File>("/api/files/retrieve", { id: idOf(p) }, signal);

/** The title of a folder, for people. */
export async function titleOf(folder: string, signal: AbortSignal): Promise<string> {
  const found = await get<{ specification: { title: string } }>("/api/files/collections/retrieve", { id: folder }, signal);
  return found.specification.title;
}

/** Most pages of a directory that are read to find a file's neighbours. */
const maxPages = 10;

/** The files of the directory that p is in, by name, in the order in which it is listed; at most 10,000. */
export async function siblings(p: Place, query: { sortBy?: string; sortDirection?: string }, signal: AbortSignal): Promise<string[]> {
  const names: string[] = [];
  let next: string | null | undefined;
  for (let page = 0; page < maxPages && next !== null; page++) {
    const got: { items: File[]; next: string | null } = await get("/api/files/browse", { path: fileID(p.folder, p.steps.slice(0, -1).join("/")), itemsPerPage: 1000, next, ...query }, signal);
    for (const f of got.items) {
      if (f.status.type === "FILE") {
        names.push(f.id.slice(f.id.lastIndexOf("/") + 1));
      }
    }
    next = got.next;
  }
  return names;
}

/** An address of the file that needs no header, for elements that can send none. It is good for ten minutes. */
export async function link(p: Place): Promise<string> {
  const made = await post<{ responses: [{ endpoint: string }] }>("/api/files/download", items({ id: idOf(p) }));
  const url = new URL(made.responses[0].endpoint);
  return url.pathname + url.search; // its origin is the public one, which the page need not have come from
}

/** The place that a reference in a file leads to: another file of the folder, undefined for anything else. */
export function resolve(from: Place, reference: string): { place: Place; fragment: string } | undefined {
  const inside = "https://folder.invalid/";
  let url: URL;
  try {
    url = new URL(reference, inside + from.steps.map(encodeURIComponent).join("/"));
  } catch {
    return undefined;
  }
  if (url.origin + "/" !== inside) {
    return undefined;
  }
  try {
    const steps = url.pathname.split("/").filter((s) => s !== "").map(decodeURIComponent);
    return { place: { folder: from.folder, steps }, fragment: url.hash.slice(1) };
  } catch {
    return undefined; // a lone %
  }
}

let asking = ""; // for the link of a file: who presses a button twice wants it once

/** Starts the download of a file as the browser does downloads. */
export async function download(p: Place): Promise<void> {
  if (asking === idOf(p)) {
    return;
  }
  asking = idOf(p);
  try {
    const a = document.createElement("a");
    a.href = await link(p);
    a.download = nameOf(p);
    a.click();
  } finally {
    asking = "";
  }
}
