// The WebDAV locks in all folders.
import { at, call, xmlText } from "../api.ts";
import type { ViewProps } from "../app.tsx";
import { visible } from "../format.ts";
import { useEvery } from "../load.ts";
import type { Lock } from "../model.ts";
import { usePages } from "../ui/pages.tsx";
import { Search } from "../ui/search.tsx";
import { rich, t } from "../text.ts";
import { Button } from "../ui/button.tsx";
import { confirm } from "../ui/dialog.tsx";
import { Empty, toast } from "../ui/feedback.tsx";
import { Name } from "../ui/name.tsx";
import { Page, Time } from "../ui/page.tsx";
import { Table, type Column } from "../ui/table.tsx";
import { FolderLink, UserLink } from "./links.tsx";
import { Paged, useQuery } from "./list.tsx";

export default function Locks(_: ViewProps) {
  const [value, setQuery] = useQuery();
  const q = value("q");
  const folder = value("folder");
  const locks = usePages<Lock>("/api/davit/locks", { query: q || undefined, folder: folder || undefined });
  useEvery(4000, () => {
    if (!locks.busy) {
      locks.reload();
    }
  });
  const path = (l: Lock) => (l.path === "" ? t("admin.locks.whole") : l.path);
  const remove = (l: Lock) =>
    void confirm({
      title: t("admin.locks.removeTitle"), danger: true, action: t("admin.locks.remove"),
      body: (
        <>
          <p>{rich("admin.locks.removeWhat", { path: <Name text={path(l)} />, folder: <Name text={l.folderTitle ?? l.folder} />, user: <Name text={l.user} /> })}</p>
          <p>{t("admin.locks.removeThen")}</p>
        </>
      ),
      run: async () => {
        await call("DELETE", at`/api/davit/folders/${l.folder}/locks/${l.token ?? ""}`);
        toast(rich("admin.locks.removed", { path: <Name text={path(l)} /> }));
        locks.reload();
      },
    });
  const columns: Column<Lock>[] = [
    {
      id: "path", head: t("admin.locks.path"),
      cell: (l) => (
        <div class="watch-stack">
          {l.path === "" ? <em>{t("admin.locks.whole")}</em> : <Name text={l.path} />}
          <span class="quiet">{rich("admin.locks.in", { folder: <FolderLink id={l.folder} title={l.folderTitle ?? l.folder} /> })}</span>
        </div>
      ),
    },
    {
      id: "user", head: t("admin.locks.who"),
      cell: (l) => {
        const said = xmlText(l.owner);
        return (
          <div class="watch-stack">
            <UserLink name={l.user} />
            {said !== "" && said !== l.user && <span class="quiet watch-cut">{rich("admin.locks.says", { text: <Name text={said} /> })}</span>}
          </div>
        );
      },
    },
    { id: "kind", head: t("admin.locks.kind"), cell: (l) => `${t(l.shared ? "admin.locks.shared" : "admin.locks.exclusive")}, ${t(l.depth === "infinity" ? "admin.locks.deep" : "admin.locks.flat")}` },
    { id: "since", head: t("admin.locks.since"), cell: (l) => <Time at={l.since} /> },
    { id: "until", head: t("admin.locks.until"), cell: (l) => <Time at={l.until} /> },
    {
      id: "actions", head: t("admin.folders.actions"), hideHead: true, end: true,
      cell: (l) => l.token !== null && <Button icon="trash" aria-label={t("admin.locks.removeOf", { path: visible(path(l)), user: visible(l.user) })} onClick={() => remove(l)}>{t("admin.locks.remove")}</Button>,
    },
  ];
  return (
    <Page title={t("people.sections.locks")} actions={<Button icon="refresh" onClick={locks.reload}>{t("admin.refresh")}</Button>}>
      <p class="quiet">{t("admin.locks.what")}</p>
      <div class="toolbar watch-filters">
        <Search label={t("admin.locks.search")} value={q} onSearch={(q) => setQuery({ q })} />
        {folder !== "" && <Button icon="close" onClick={() => setQuery({ folder: "" })}>{t("admin.locks.allFolders")}</Button>}
      </div>
      <Paged
        pages={locks} label={t("admin.locks.pages")} shown={(n) => t("admin.locks.shown", { n })}
        empty={<Empty icon="lock" title={q !== "" || folder !== "" ? t("admin.locks.notFound") : t("admin.locks.none")}><p>{t("admin.locks.noneWhy")}</p></Empty>}
      >
        {(rows) => <Table caption={t("people.sections.locks")} columns={columns} rows={rows} rowKey={(l) => l.token ?? `${l.folder} ${l.path} ${l.since}`} />}
      </Paged>
    </Page>
  );
}
