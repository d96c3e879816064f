// What a directory has, as the page keeps it: a plain object for each, for there may be 100,000.
import { bytes, byName } from "../format.ts";
import { t } from "../text.ts";
import type { IconName } from "../ui/icon.tsx";

export type Entry = {
  /** Its path in the folder, which is also its key in selections: "a/b.txt". */
  path: string;
  name: string;
  dir: boolean;
  /** Bytes; 0 of a directory. */
  size: number;
  /** Milliseconds since 1970. */
  modified: number;
  etag: string;
  locked: boolean;
  /** Of what is in the trash: where it was. Null if nobody knows. */
  trashed?: { origin: string; at: number; by: string | null } | null;
};

/** The directory of the trash, at each folder's root. */
export const trashName = "Trash";

export const inTrash = (path: string): boolean => path.startsWith(trashName + "/");
export const isTrash = (path: string): boolean => path === trashName;

/** The directory that a path is in; "" is the folder's root. */
export const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf("/")));
export const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);
export const within = (dir: string, name: string): string => (dir === "" ? name : `${dir}/${name}`);
export const stepsOf = (path: string): string[] => (path === "" ? [] : path.split("/"));
/** Whether path is dir or below it. */
export const isBelow = (path: string, dir: string): boolean => dir === "" || path === dir || path.startsWith(dir + "/");

/** A path with the name that the server gives when it keeps both: a(1).txt. */
export function numbered(path: string, n: number): string {
  const slash = path.lastIndexOf("/") + 1;
  const base = path.slice(slash);
  const dot = base.lastIndexOf(".");
  const [stem, end] = dot > 0 && base.length - dot <= 32 ? [base.slice(0, dot), base.slice(dot)] : [base, ""];
  const number = `(${n})`;
  const length = (s: string) => new TextEncoder().encode(s).length;
  const signs = [...stem];
  while (length(signs.join("") + number + end) > 255) {
    signs.pop();
  }
  return path.slice(0, slash) + signs.join("") + number + end;
}

export type Kind = "directory" | "image" | "video" | "audio" | "document" | "archive" | "text" | "notebook" | "code" | "file";

const kinds: { [kind in Kind]?: string } = {
  image: "apng avif bmp gif heic heif ico jpeg jpg png svg tif tiff webp",
  video: "avi m4v mkv mov mp4 mpeg mpg ogv webm wmv",
  audio: "aac aif aiff flac m4a mid mp3 oga ogg opus wav wma",
  document: "doc docx epub odg odp ods odt pdf ppt pptx ps rtf xls xlsx",
  archive: "7z bz2 gz iso jar rar tar tgz txz xz zip zst",
  text: "csv ini log markdown md nfo rst tex text toml tsv txt yaml yml",
  notebook: "ipynb",
  code: "bash c cc cpp cs css go h hpp htm html java jl js json jsx kt lua m mjs php pl proto py r rb rs sh sql swift ts tsx vue xml",
};
const byExtension = new Map<string, Kind>();
for (const [kind, list] of Object.entries(kinds)) {
  for (const e of list.split(" ")) {
    byExtension.set(e, kind as Kind);
  }
}

const icons: { [kind in Kind]: IconName } = {
  directory: "folder", image: "image", video: "video", audio: "music", document: "text", archive: "archive", text: "text", notebook: "text", code: "code", file: "file",
};

/** What follows the last dot of a name, in lower case; "" if the name begins with its only dot. */
export function extension(name: string): string {
  const dot = name.lastIndexOf(".");
  return dot > 0 ? name.slice(dot + 1).toLowerCase() : "";
}

export const kindOf = (e: Entry): Kind => (e.dir ? "directory" : (byExtension.get(extension(e.name)) ?? "file"));
export const iconOf = (e: Entry): IconName => (e.dir && isTrash(e.path) ? "trash" : icons[kindOf(e)]);

/** The kind in words: "PNG image". */
export function kindWords(e: Entry): string {
  const kind = kindOf(e);
  const ext = extension(e.name);
  const words = kind === "directory" ? t("files.kind.directory") : t(`files.kind.${kind}`, { ext: /^[a-z0-9]{1,6}$/.test(ext) ? ext.toUpperCase() : "" }).trim();
  return words.slice(0, 1).toUpperCase() + words.slice(1);
}

export const sizeWords = (e: Entry): string => (e.dir ? "" : bytes(e.size));

export type SortBy = "name" | "size" | "modified" | "kind" | "deleted";
export type Order = { by: SortBy; down: boolean };

// A collator takes a second or two for 100,000 names. Names of ASCII alone, which most are, sort alike by keys in
// which the letters are small and a number begins with how many digits it has.
const plain = /^[\x20-\x7e]*$/;
const keyOf = (name: string): string =>
  name.toLowerCase().replace(/\d+/g, (digits) => {
    const n = digits.replace(/^0+(?=.)/, "");
    return "0" + String.fromCharCode(0x30 + Math.min(n.length, 60)) + n;
  });

/**
 * The entries in order: directories first, whatever the direction; what is equal, by name. With those of an earlier
 * reading in this order it is quick if most are the same.
 */
export function sorted(unsorted: readonly Entry[], order: Order, earlier: readonly Entry[] = []): Entry[] {
  const entries = earlier.length > 0 ? asBefore(unsorted, earlier) : unsorted;
  const ascii = entries.every((e) => plain.test(e.name));
  const first: (e: Entry) => number | string =
    order.by === "size" ? (e) => e.size
    : order.by === "modified" ? (e) => e.modified
    : order.by === "deleted" ? (e) => e.trashed?.at ?? 0
    : order.by === "kind" ? (e) => `${kindOf(e)} ${extension(e.name)}`
    : () => 0;
  // All that is compared is made once for each entry, not once for each comparison.
  const rows = entries.map((e) => ({ e, first: first(e), name: ascii ? keyOf(e.name) : "" }));
  const sign = order.down ? -1 : 1;
  const nameSign = order.by === "name" ? sign : 1;
  rows.sort((a, b) => {
    if (a.e.dir !== b.e.dir) {
      return a.e.dir ? -1 : 1;
    }
    if (a.first !== b.first) {
      return a.first < b.first ? -sign : sign;
    }
    const names = ascii ? (a.name < b.name ? -1 : a.name > b.name ? 1 : 0) : byName(a.e.name, b.e.name);
    return nameSign * (names || (a.e.path < b.e.path ? -1 : 1));
  });
  return rows.map((r) => r.e);
}

// asBefore puts those first that were there, as they stood: sorting what is nearly in order takes few comparisons.
function asBefore(entries: readonly Entry[], earlier: readonly Entry[]): Entry[] {
  const byPath = new Map(entries.map((e) => [e.path, e]));
  const all: Entry[] = [];
  for (const { path } of earlier) {
    const e = byPath.get(path);
    if (e) {
      all.push(e);
      byPath.delete(path);
    }
  }
  return [...all, ...byPath.values()];
}

/** Those whose names have all words of the filter, in any letter case; hidden ones only if they are wanted. */
export function filtered(entries: readonly Entry[], filter: string, hidden: boolean): readonly Entry[] {
  const words = filter.toLowerCase().split(/\s+/).filter((w) => w !== "");
  if (hidden && words.length === 0) {
    return entries;
  }
  return entries.filter((e) => {
    if (!hidden && e.name.startsWith(".")) {
      return false;
    }
    const name = e.name.toLowerCase();
    return words.every((w) => name.includes(w));
  });
}

/** Why a name can't be one, or undefined. The server has the last word. */
export function wrongName(name: string): string | undefined {
  if (name === "") {
    return t("files.names.empty");
  }
  if (name === "." || name === "..") {
    return t("files.names.dots");
  }
  if (name.includes("/") || name.includes("\\")) {
    return t("files.names.slash");
  }
  if (/[\u0000-\u001f\u007f-\u009f]/.test(name)) {
    return t("files.names.control");
  }
  const length = new TextEncoder().encode(name).length;
  return length > 255 ? t("files.names.long", { n: length }) : undefined;
}
