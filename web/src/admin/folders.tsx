// The folders of everybody.
import { useEffect, useRef, useState } from "preact/hooks";
import { at, call, patch, post } from "../api.ts";
import type { ViewProps } from "../app.tsx";
import { bytes, count, date, visible } from "../format.ts";
import { useLoad } from "../load.ts";
import { type Folder, readUses } from "../model.ts";
import { usePages } from "../ui/pages.tsx";
import { Search } from "../ui/search.tsx";
import { go, href } from "../route.ts";
import { me } from "../session.ts";
import { rich, t } from "../text.ts";
import { Button } from "../ui/button.tsx";
import { confirm, Dialog, openDialog } from "../ui/dialog.tsx";
import { Alert, Empty, Loaded, toast, toastError, Usage } from "../ui/feedback.tsx";
import { Select } from "../ui/form.tsx";
import { MenuButton, type MenuItem } from "../ui/menu.tsx";
import { Name } from "../ui/name.tsx";
import { Page, Time } from "../ui/page.tsx";
import { Table, type Column, type Sort } from "../ui/table.tsx";
import { DeleteDialog, GiveDialog, LimitsDialog } from "./folderdialogs.tsx";
import { OwnerLink } from "./links.tsx";
import { Paged, useQuery } from "./list.tsx";
import { recount } from "./recount.ts";
import { UsesTable } from "./uses.tsx";

const shows = ["living", "full", "near", "counting", "deleted", "all"] as const;
const orders = ["title", "owner", "bytes", "files", "maxBytes", "share", "lastUsed", "deleted"] as const;

export default function AllFolders(_: ViewProps) {
  const [value, setQuery] = useQuery();
  const q = value("q");
  const show = shows.find((s) => s === value("show")) ?? "living";
  const sort: Sort = { by: orders.find((o) => o === value("sort")) ?? "title", down: value("down") === "1" };
  const [counting, setCounting] = useState<ReadonlySet<string>>(new Set());
  const folders = usePages<Folder>("/api/davit/folders", {
    query: q || undefined, sortBy: sort.by, sortDirection: sort.down ? "descending" : "ascending",
    deleted: show === "deleted" ? "true" : show === "all" ? undefined : "false",
    state: show === "full" || show === "near" || show === "counting" ? show : undefined,
  });
  const replace = (f: Folder) => {
    const page = folders.value;
    if (page) {
      folders.set({ ...page, items: page.items.map((one) => (one.id === f.id ? f : one)) });
    }
  };
  const here = useRef(true);
  useEffect(() => () => { here.current = false; }, []);

  const scan = async (f: Folder) => {
    const mark = (on: boolean) => setCounting((was) => { const all = new Set(was); if (on) all.add(f.id); else all.delete(f.id); return all; });
    mark(true);
    try {
      const counted = await recount(f.id, () => here.current);
      if (!counted) {
        return;
      }
      const { before, now } = counted;
      replace(now);
      const same = now.usage.bytes === before.usage.bytes && now.usage.files === before.usage.files;
      toast(rich(same ? "admin.folders.countedSame" : "admin.folders.counted", {
        title: <Name text={f.title} />, size: bytes(now.usage.bytes), files: count(now.usage.files), before: bytes(before.usage.bytes), filesBefore: count(before.usage.files),
      }));
    } catch (e) {
      toastError(e);
    } finally {
      mark(false);
    }
  };
  const restore = async (f: Folder) => {
    try {
      await post(at`/api/davit/folders/${f.id}/restore`);
      toast(rich("admin.folders.restored", { title: <Name text={f.title} /> }));
      folders.reload();
    } catch (e) {
      toastError(e);
    }
  };
  const purge = (f: Folder) =>
    void confirm({
      title: rich("admin.folders.purgeTitle", { title: <Name text={f.title} /> }), danger: true, action: t("admin.folders.purge"),
      body: <p>{t("admin.folders.purgeBody", { size: bytes(f.usage.bytes), n: f.usage.files })}</p>,
      run: async () => {
        await call("DELETE", at`/api/davit/folders/${f.id}`, { query: { final: true } });
        toast(rich("admin.folders.purged", { title: <Name text={f.title} /> }));
        folders.reload();
      },
    });
  const changed = (f: Folder) => {
    replace(f);
    void folders.reload();
  };
  const menu = (f: Folder): MenuItem[] => {
    const audit: MenuItem = { label: t("admin.folders.toAudit"), icon: "history", separated: true, run: () => go(href(["admin", "audit"], { folder: f.id })) };
    if (f.deleted !== null) {
      return [
        { label: t("admin.folders.restore"), icon: "restore", run: () => void restore(f) },
        audit,
        { label: t("admin.folders.purge"), icon: "trash", danger: true, separated: true, run: () => purge(f) },
      ];
    }
    return [
      ...(f.rights.length > 0 ? [{ label: t("admin.folders.details"), icon: "info", run: () => go(href(["folders", f.id])) } as MenuItem] : []),
      { label: t("admin.folders.uses"), icon: "users", run: () => openDialog((close) => <UsesDialog folder={f} onClose={close} />) },
      { label: t("admin.folders.scan"), icon: "refresh", disabled: counting.has(f.id), run: () => void scan(f) },
      { label: t("admin.folders.limits"), icon: "gauge", run: () => openDialog((close) => <LimitsDialog folder={f} onDone={changed} onClose={close} save={(limits) => patch<Folder>(at`/api/davit/folders/${f.id}`, { limits })} />) },
      { label: t("admin.folders.give"), icon: "share", run: () => openDialog((close) => <GiveDialog folder={f} onDone={changed} onClose={close} />) },
      { label: t("admin.folders.toLocks"), icon: "lock", run: () => go(href(["admin", "locks"], { folder: f.id })) },
      audit,
      { label: t("admin.folders.delete"), icon: "trash", danger: true, separated: true, run: () => openDialog((close) => <DeleteDialog folder={f} onDone={folders.reload} onClose={close} />) },
    ];
  };
  const columns: Column<Folder>[] = [
    {
      id: "title", head: t("admin.folders.title"), sortable: true,
      cell: (f) => (
        <div class="watch-stack">
          {f.rights.length > 0 && f.deleted === null ? <a href={href(["folders", f.id])}><Name text={f.title} /></a> : <strong><Name text={f.title} /></strong>}
          <span class="quiet watch-id">{f.id}</span>
          {(counting.has(f.id) || f.scanPending) && <span class="badge strong">{t("admin.folders.counting")}</span>}
        </div>
      ),
    },
    { id: "owner", head: t("admin.folders.owner"), sortable: true, cell: (f) => <OwnerLink folder={f} /> },
    { id: "bytes", head: t("admin.folders.size"), sortable: true, cell: (f) => <Usage used={f.usage.bytes} max={f.usage.maxBytes} unit="bytes" label={t("admin.folders.sizeOf", { title: visible(f.title) })} /> },
    { id: "files", head: t("admin.folders.files"), sortable: true, cell: (f) => <Usage used={f.usage.files} max={f.usage.maxFiles} unit="files" label={t("admin.folders.filesOf", { title: visible(f.title) })} /> },
    show === "deleted"
      ? { id: "deleted", head: t("admin.folders.deletedAt"), sortable: true, cell: (f) => <div class="watch-stack"><Time at={f.deleted} />{f.purge && <span class="quiet">{t("admin.folders.until", { date: date(f.purge) })}</span>}</div> }
      : { id: "lastUsed", head: t("admin.folders.lastUsed"), sortable: true, cell: (f) => (f.deleted === null ? <Time at={f.lastUsed} /> : <span class="quiet">{t("admin.folders.isDeleted")}</span>) },
    {
      id: "actions", head: t("admin.folders.actions"), hideHead: true, end: true,
      cell: (f) =>
        f.deleted !== null ? (
          <span class="watch-row-actions">
            <Button icon="restore" onClick={() => void restore(f)} aria-label={t("admin.folders.restoreOf", { title: visible(f.title) })}>{t("admin.folders.restore")}</Button>
            <MenuButton label={t("admin.folders.actionsOf", { title: visible(f.title) })} icon="dots" items={() => menu(f)} />
          </span>
        ) : (
          <MenuButton label={t("admin.folders.actionsOf", { title: visible(f.title) })} icon="dots" items={() => menu(f)} />
        ),
    },
  ];
  return (
    <Page title={t("people.sections.folders")} actions={<Button icon="refresh" onClick={folders.reload}>{t("admin.refresh")}</Button>}>
      <p class="quiet">{t("admin.folders.what", { name: visible(me.value?.name ?? "") })}</p>
      <div class="toolbar watch-filters">
        <Search label={t("admin.folders.search")} value={q} onSearch={(q) => setQuery({ q })} />
        <Select
          label={t("admin.folders.show")} value={show} onChange={(e) => setQuery({ show: e.currentTarget.value, ...(e.currentTarget.value === "deleted" ? { sort: "deleted", down: "1" } : sort.by === "deleted" ? { sort: "", down: "" } : {}) })}
          choices={shows.map((s) => ({ value: s, label: t(`admin.folders.shows.${s}`) }))}
        />
        <Select
          label={t("admin.folders.sort")} value={`${sort.by}${sort.down ? "-" : ""}`}
          onChange={(e) => { const v = e.currentTarget.value; setQuery({ sort: v.replace(/-$/, ""), down: v.endsWith("-") ? "1" : "" }); }}
          choices={orders.filter((o) => o !== "deleted" || show === "deleted").flatMap((o) => [
            { value: o, label: t(`admin.folders.orders.${o}`) }, { value: `${o}-`, label: t(`admin.folders.ordersDown.${o}`) },
          ])}
        />
      </div>
      <Paged
        pages={folders} label={t("admin.folders.pages")} shown={(n) => t("admin.folders.shown", { n })}
        empty={
          <Empty icon="folder" title={q === "" ? t(`admin.folders.none.${show}`) : t("admin.folders.notFound")}>
            {q !== "" && <Button onClick={() => setQuery({ q: "", show: "all" })}>{t("admin.folders.showAll")}</Button>}
          </Empty>
        }
      >
        {(rows) => <Table caption={t("people.sections.folders")} columns={columns} rows={rows} rowKey={(f) => f.id} sort={sort} onSort={(s) => setQuery({ sort: s.by, down: s.down ? "1" : "" })} />}
      </Paged>
    </Page>
  );
}

function UsesDialog({ folder, onClose }: { folder: Folder; onClose: () => void }) {
  const uses = useLoad((signal) => readUses(folder.id, signal), [folder.id]);
  return (
    <Dialog wide title={rich("admin.folders.usesTitle", { title: <Name text={folder.title} /> })} onClose={onClose} footer={<Button onClick={uses.reload} icon="refresh">{t("admin.refresh")}</Button>}>
      <Loaded of={uses}>
        {(u) => (
          <div class="section">
            {u.inUse ? <Alert kind="warning">{t("admin.folders.inUse")}</Alert> : <Alert kind="success">{t("admin.folders.notInUse")}</Alert>}
            {u.uses.length > 0 && <UsesTable caption={t("admin.folders.usesCaption")} uses={u.uses} />}
            {u.locks.length > 0 && (
              <>
                <h3>{t("people.sections.locks")}</h3>
                <ul>
                  {u.locks.map((l, i) => (
                    <li key={i}>{rich("admin.folders.lockLine", { user: <Name text={l.user} />, path: <Name text={"/" + l.path} />, until: <Time at={l.expires} /> })}</li>
                  ))}
                </ul>
                <a href={href(["admin", "locks"], { folder: folder.id })} onClick={onClose}>{t("admin.folders.toLocks")}</a>
              </>
            )}
          </div>
        )}
      </Loaded>
    </Dialog>
  );
}
