// What the routes of users, projects and products answer.
import type { Limit, Role } from "../model.ts";

export type LimitName = "maxFolders" | "maxBytes" | "maxFiles";
export type Limits = { [name in LimitName]: Limit };
export type Effective = { [name in LimitName]: number | null };
export type Holds = { folders: number; bytes: number; files: number };

export type User = {
  id: string;
  name: string;
  email: string;
  admin: boolean;
  hasPassword: boolean;
  limits: Limits;
  effectiveLimits: Effective;
  created: string;
  lastUsed: string | null;
  usage: Holds;
  /** Absent in lists. */
  projects?: { id: string; title: string; role: Role }[];
};

export type Project = {
  id: string;
  title: string;
  role: Role | null;
  limits: Limits;
  effectiveLimits: Effective;
  created: string;
  members: number;
  usage: Holds;
};

export type CategoryQuota = {
  category: string;
  maxBytes: number | null;
  ownLimit: boolean;
  defaultMaxBytes: number | null;
  usedBytes: number;
  reservedBytes: number;
  availableBytes: number | null;
  folders: number;
  deletedFolders: number;
  deletedBytes: number;
};

export type Product = {
  id: string;
  category: string;
  provider: string;
  default: boolean;
  description: string;
  priority: number;
  volume: { directory: string; totalBytes: number | null; freeBytes: number | null; promisedBytes: number };
  limits: { defaultMaxBytes: Limit; defaultMaxFiles: Limit; maxBytes: number | null; maxFiles: number | null; workspaceMaxBytes: number | null };
  support: { stats: Flags; collection: Flags; files: Flags };
  maintenance: { description: string; availability: string; startsAt: number; estimatedEndsAt: number | null } | null;
  usage: Holds;
};
type Flags = { [name: string]: boolean };
export type Products = { defaults: Effective; products: Product[] };
