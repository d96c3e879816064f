// Why a file was not uploaded, in words that say what to do.
import { messageOf, Problem } from "../api.ts";
import { bytes, count, date, visible } from "../format.ts";
import { t } from "../text.ts";

/** What a limit said when it refused. */
export type Limit = { limit: "folder-bytes" | "folder-files" | "workspace" | "volume"; max: number; used: number; reserved: number; needed: number; missing: number };

/** Troubles with the same key are told once, with all files that they stopped. */
export type Trouble = {
  key: string;
  /** For people. Of a limit see limitWords. */
  words: string;
  limit?: Limit;
  /** It stops everything else that goes to the folder as well. */
  everything?: boolean;
  /** The server's refusal could end by itself or by what somebody does: trying again makes sense. */
  again: boolean;
};

/** The connection or the server went away; the same request may succeed later. */
export class Passing extends Error {
  constructor(readonly after: number, readonly reachable: boolean) {
    super("passing");
  }
}

/** A trouble that was found here, not on the server. */
export class Stopped extends Error {
  constructor(readonly trouble: Trouble) {
    super(trouble.words);
  }
}

export const stop = (key: string, words: string, again = false): Stopped => new Stopped({ key, words, again });

/** Why the server would refuse a name, before it is asked; undefined if it would not. */
export function nameTrouble(path: string): Trouble | undefined {
  for (const step of path.split("/")) {
    if (/\p{Cs}/u.test(step)) { // half of a pair
      return { key: "name-unicode", words: t("uploads.trouble.nameUnicode"), again: false };
    }
    if (/[\p{Cc}\\]/u.test(step)) {
      return { key: "name-characters", words: t("uploads.trouble.nameCharacters"), again: false };
    }
    if (new TextEncoder().encode(step).length > 255) {
      return { key: "name-long", words: t("uploads.trouble.nameLong"), again: false };
    }
  }
  return undefined;
}

/** Whether a file can still be read as it was when it was chosen. A browser that can't says nothing better than that. */
export async function unreadable(file: File): Promise<Trouble | undefined> {
  try {
    await file.slice(0, 1).arrayBuffer();
    return undefined;
  } catch (e) {
    return e instanceof DOMException && e.name === "NotFoundError"
      ? { key: "vanished", words: t("uploads.trouble.vanished"), again: false }
      : { key: "changed", words: t("uploads.trouble.changed"), again: false };
  }
}

/** The error of a request as what to wait for, or as what stops the file. */
export function judge(e: unknown): Passing | Trouble {
  if (e instanceof Passing) {
    return e;
  }
  if (e instanceof Stopped) {
    return e.trouble;
  }
  if (!(e instanceof Problem)) {
    return { key: messageOf(e), words: messageOf(e), again: true };
  }
  if (e.status === 0 || e.status === 502 || e.status === 504) {
    return new Passing(0, false);
  }
  if (e.status === 503 || (e.status === 429 && e.code !== "too-many-uploads")) {
    return new Passing(e.retryAfter, e.status === 429);
  }
  if (e.status === 408 || e.code === "upload-busy" || e.code === "upload-offset") {
    return new Passing(1, true);
  }
  const limit = limitOf(e.data);
  if (limit) {
    return { key: `limit ${limit.limit}`, words: "", limit, again: true };
  }
  const locked = e.status === 423 ? /locked by (.+)/.exec(e.message)?.[1] : undefined;
  switch (true) {
    case e.status === 402 || e.status === 507:
      return { key: "full", words: t("uploads.trouble.full", { why: sentence(e.message) }), again: true };
    case e.code === "too-many-uploads":
      return { key: e.code, words: t("uploads.trouble.tooMany"), again: true };
    case e.status === 413:
      return { key: "too-large", words: t("uploads.trouble.tooLarge"), again: false };
    case e.status === 423:
      return locked === undefined
        ? { key: "locked", words: t("uploads.trouble.locked"), again: true }
        : { key: `locked ${locked}`, words: t("uploads.trouble.lockedBy", { who: visible(locked) }), again: true };
    case e.status === 403 && e.code === "need-privileges":
      return { key: "right", words: t("uploads.trouble.right"), everything: true, again: true };
    case e.status === 403:
      return { key: `refused ${e.message}`, words: t("uploads.trouble.refused", { why: sentence(e.message) }), again: true };
    case e.status === 409:
      return { key: "no-parent", words: t("uploads.trouble.noParent"), again: true };
    case e.status === 404:
      return { key: "gone", words: t("uploads.trouble.gone"), everything: true, again: true };
    case e.status === 414:
      return { key: "name-long", words: t("uploads.trouble.nameLong"), again: false };
  }
  return { key: `${e.status} ${e.message}`, words: sentence(e.message), again: true };
}

const sentence = (text: string): string => {
  const plain = visible(text.trim());
  return plain.charAt(0).toUpperCase() + plain.slice(1) + (/[.!?]$/.test(plain) ? "" : ".");
};

function limitOf(data: unknown): Limit | undefined {
  const l = data as Partial<Limit> | undefined;
  return l && typeof l === "object" && typeof l.limit === "string" && typeof l.max === "number" && typeof l.missing === "number" ? (l as Limit) : undefined;
}

/** What still fits. */
export const room = (l: Limit): number => Math.max(0, l.needed - l.missing);

/** Which limit it is, how much is missing for files of so many bytes together, and what to do. */
export function limitWords(l: Limit, files: number, size: number): string {
  switch (l.limit) {
    case "folder-files":
      return t("uploads.limit.files", { max: count(l.max), n: Math.max(1, files - room(l)) });
    case "volume":
      return t("uploads.limit.volume", { free: bytes(l.max), missing: bytes(Math.max(l.missing, size - room(l))) });
  }
  const words = { max: bytes(l.max), used: bytes(l.used), missing: bytes(Math.max(l.missing, size - room(l))) };
  if (l.limit === "workspace") {
    return t("uploads.limit.workspace", words);
  }
  return l.reserved > 0 ? t("uploads.limit.bytesReserved", { ...words, reserved: bytes(l.reserved) }) : t("uploads.limit.bytes", words);
}

/** How a file that was chosen to go on with differs from the one that was being uploaded. */
export const differs = (file: File, size: number, seconds: number | undefined): string =>
  t("uploads.earlier.differs", {
    name: visible(file.name), size: bytes(file.size), time: date(file.lastModified), wantSize: bytes(size), wantTime: seconds === undefined ? "?" : date(seconds * 1000),
  });
