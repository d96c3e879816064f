// What the APIs answer that more than one area reads, and lists read whole. The files in server/openapi/ say what the
// fields mean; what one area alone reads stands in that area.
import { at, get } from "./api.ts";

/** A page of a list; next asks for the one behind it. */
export type PageOf<T> = { items: T[]; next: string | null };

/** All items of a list that the server gives page by page. */
export async function readAll<T>(path: string, query: { [name: string]: string | boolean } = {}, signal?: AbortSignal): Promise<T[]> {
  const all: T[] = [];
  for (let next: string | null = ""; next !== null; ) {
    const page: PageOf<T> = await get<PageOf<T>>(path, { ...query, itemsPerPage: 1000, next: next || undefined }, signal);
    all.push(...page.items);
    next = page.next;
  }
  return all;
}

export type Right = "read" | "write" | "remove" | "admin";

/** A limit as it was set: a number, null for none, "default" for what the level above says. */
export type Limit = number | null | "default";

/** A folder, as GET /api/davit/folders shows it. */
export type Folder = {
  id: string;
  title: string;
  /** null: it is of a project, or its owner is gone. */
  owner: string | null;
  project: { id: string; title: string } | null;
  createdBy: string | null;
  product: string;
  /** Of who is signed in. */
  rights: Right[];
  /** Of all members of its project; null: it is of none. */
  memberRights: Right[] | null;
  labels: { [key: string]: string };
  inUse: boolean;
  limits: { maxBytes: Limit; maxFiles: Limit };
  usage: { bytes: number; files: number; reserved?: number; available?: number; maxBytes: number | null; maxFiles: number | null };
  created: string;
  lastUsed: string | null;
  scanned: string | null;
  scanPending: boolean;
  deleted: string | null;
  purge: string | null;
};

export const readFolder = (id: string, signal?: AbortSignal): Promise<Folder> => get<Folder>(at`/api/davit/folders/${id}`, {}, signal);

/** What somebody does over WebDAV. */
export type Use = {
  /** Absent where one folder is asked for. */
  folder?: { id: string; title: string };
  user: string;
  agent: string;
  address: string | null;
  token: string | null;
  first: string;
  last: string;
  running: number;
  reads: number;
  writes: number;
};

/** Who works in a folder over WebDAV. */
export type Uses = {
  inUse: boolean;
  last: string | null;
  uses: Use[];
  locks: { path: string; user: string; shared: boolean; depth: "0" | "infinity"; created: string; expires: string }[];
};

export const readUses = (id: string, signal?: AbortSignal): Promise<Uses> => get<Uses>(at`/api/davit/folders/${id}/uses`, {}, signal);

export type Lock = {
  folder: string;
  /** Absent where one folder is asked for. */
  folderTitle?: string;
  path: string;
  depth: "0" | "infinity";
  shared: boolean;
  user: string;
  /** What the program that locked says of itself: XML. */
  owner: string;
  since: string;
  until: string;
  /** null: who is signed in may not remove it. */
  token: string | null;
};

/** A mount of folders in a compute kernel. */
export type Mount = {
  id: string;
  title: string;
  user: string;
  folders: { id: string; title: string | null; permission: "ro" | "rw" | null; url: string }[];
  created: string;
  expires: string;
  lastUsed: string | null;
  lastAddress: string | null;
  lastAgent: string | null;
  active: boolean;
};

export type Role = "PI" | "ADMIN" | "USER";

/** A member of a project, or of a group in it. */
export type Member = { user: string; role: Role; created: string };

export type Group = { id: string; project: string; title: string; members: number; created: string };

/** An entry of the audit log. */
export type Entry = {
  id: string;
  at: string;
  action: string;
  user: string;
  userId: string;
  folder: string;
  folderId: string;
  projectId: string;
  subject: string;
  address: string;
  door: string;
  detail: { [name: string]: unknown };
};
