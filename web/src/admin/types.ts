// What the APIs answer that the administration reads.
export type Check = {
  state: "never" | "running" | "done" | "failed";
  started: string | null;
  finished: string | null;
  ok: boolean | null;
  total: number;
  findings: Finding[];
  inUse: string[];
  repair: boolean;
  round: number;
  looked: { folders: number; of: number; files: number; bytes: number };
};
export type Finding = { folderId?: string; title?: string; kind: string; detail: string; repaired: boolean };

export type Volume = { directory: string; totalBytes: number | null; freeBytes: number | null; promisedBytes: number };

export type Status = {
  version: string;
  go: string;
  now: string;
  started: string;
  uptimeSeconds: number;
  ready: boolean;
  problems: string[];
  database: { bytes: number };
  volumes: Volume[];
  counts: { users: number; administrators: number; projects: number; folders: number; deletedFolders: number; tokens: number; keys: number };
  folders: { bytes: number; files: number; full: number; near: number; counting: number; deletedBytes: number };
  locks: number;
  uploads: { running: number; unfinished: number };
  openFolders: number;
  memoryBytes: number;
  check: Check;
};

export type Folder = {
  id: string;
  title: string;
  owner: string | null;
  project: { id: string; title: string } | null;
  createdBy: string | null;
  product: string;
  rights: string[];
  limits: { maxBytes: number | null | "default"; maxFiles: number | null | "default" };
  usage: { bytes: number; files: number; reserved?: number; available?: number; maxBytes: number | null; maxFiles: number | null };
  created: string;
  lastUsed: string | null;
  scanned: string | null;
  scanPending: boolean;
  deleted: string | null;
  purge: string | null;
};

export type PageOf<T> = { itemsPerPage: number; items: T[]; next: string | null };

export type Use = {
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

export type FolderUses = {
  inUse: boolean;
  last: string | null;
  uses: Use[];
  locks: { path: string; user: string; shared: boolean; depth: "0" | "infinity"; created: string; expires: string }[];
};

export type Lock = {
  folder: string;
  folderTitle?: string;
  path: string;
  depth: "0" | "infinity";
  shared: boolean;
  user: string;
  owner: string;
  since: string;
  until: string;
  token: string | null;
};

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
