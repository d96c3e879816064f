// What the APIs answer that only the administration reads.
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
