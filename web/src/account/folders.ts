// The folders that one sees, of all workspaces, for those who choose among them.
import { get } from "../api.ts";
import { byName } from "../format.ts";

export type FolderChoice = { id: string; title: string; readOnly: boolean; owner: "mine" | "project" | "other"; of: string };

type VFolder = { id: string; name: string; permission: "ro" | "rw" | "wd"; is_owner: boolean; group_name: string | null; user_email: string | null; status: string };

/** All of them: one's own first, then by title. */
export async function foldersSeen(signal?: AbortSignal): Promise<FolderChoice[]> {
  const all = await get<VFolder[]>("/folders", {}, signal);
  const rank = { mine: 0, project: 1, other: 2 };
  return all
    .map((f): FolderChoice => ({
      id: f.id,
      title: f.name,
      readOnly: f.permission === "ro",
      owner: f.group_name !== null ? "project" : f.is_owner ? "mine" : "other",
      of: f.group_name ?? f.user_email ?? "",
    }))
    .sort((a, b) => rank[a.owner] - rank[b.owner] || byName(a.title, b.title));
}
