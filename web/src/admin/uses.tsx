// Who uses folders now, over WebDAV.
import { Agent } from "../account/use.tsx";
import { count } from "../format.ts";
import type { Use } from "../model.ts";
import { t } from "../text.ts";
import { Time } from "../ui/page.tsx";
import { Table, type Column } from "../ui/table.tsx";
import { FolderLink, UserLink } from "./links.tsx";

export function UsesTable({ caption, uses }: { caption: string; uses: readonly Use[] }) {
  const columns: Column<Use>[] = [
    { id: "user", head: t("admin.uses.user"), cell: (u) => <UserLink name={u.user} /> },
    ...(uses.some((u) => u.folder) ? [{ id: "folder", head: t("admin.uses.folder"), cell: (u: Use) => u.folder && <FolderLink id={u.folder.id} title={u.folder.title} /> }] : []),
    {
      id: "agent", head: t("admin.uses.program"),
      cell: (u) => <div class="watch-stack"><Agent agent={u.agent} />{u.address !== null && <span class="quiet">{u.address}</span>}</div>,
    },
    { id: "first", head: t("admin.uses.since"), cell: (u) => <Time at={u.first} /> },
    { id: "last", head: t("admin.uses.last"), cell: (u) => (u.running > 0 ? t("admin.uses.running", { n: u.running }) : <Time at={u.last} />) },
    { id: "did", head: t("admin.uses.did"), cell: (u) => t("admin.uses.readsWrites", { reads: count(u.reads), writes: count(u.writes) }) },
  ];
  return <Table caption={caption} columns={columns} rows={uses} rowKey={(u) => [u.folder?.id, u.user, u.address, u.agent, u.token].join("\n")} />;
}
