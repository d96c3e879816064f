// All folders that who is signed in sees: searched, filtered and sorted here, for the whole list is in memory.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { byName, bytes, visible } from "../format.ts";
import { useEvery, useLoad } from "../load.ts";
import type { Folder } from "../model.ts";
import { go, href, route } from "../route.ts";
import { t } from "../text.ts";
import { Button } from "../ui/button.tsx";
import { Empty, Failure, Spinner, Usage } from "../ui/feedback.tsx";
import { Field, Select } from "../ui/form.tsx";
import { Icon } from "../ui/icon.tsx";
import { MenuButton, openMenu } from "../ui/menu.tsx";
import { Name } from "../ui/name.tsx";
import { Page, Time } from "../ui/page.tsx";
import { type Column, type Sort, Table } from "../ui/table.tsx";
import { catalog, refreshCatalog } from "./catalog.tsx";
import { createFolder } from "./create.tsx";
import { hasLabel, Labels, withoutLabel } from "./labels.tsx";
import { folderMenu } from "./menu.tsx";
import { holder, kindOf, labelShort, labelText, readProducts, rightsText, workspacesToMakeIn } from "./model.ts";
import { FolderPlaces } from "./places.tsx";

// Rows are made as far as one scrolls: a thousand at once would take long.
const atOnce = 100;

export function FolderList() {
  const { folders, error } = catalog.value;
  const products = useLoad(readProducts, []);
  useEffect(() => {
    void refreshCatalog();
    const back = () => void refreshCatalog();
    addEventListener("focus", back);
    return () => removeEventListener("focus", back);
  }, []);
  useEvery(30_000, () => void refreshCatalog());
  const mayCreate = workspacesToMakeIn().length > 0;
  return (
    <Page
      title={t("nav.folders")} class="folders"
      actions={mayCreate && folders !== undefined && folders.length > 0 && <Button kind="primary" icon="folderAdd" onClick={createFolder}>{t("folders.create.open")}</Button>}
    >
      <FolderPlaces />
      {error !== undefined && <Failure error={error} retry={() => void refreshCatalog()} />}
      {folders === undefined ? error === undefined && <Spinner /> : folders.length === 0 ? <NoFolder mayCreate={mayCreate} /> : <List folders={folders} products={products.value ?? []} />}
    </Page>
  );
}

function NoFolder({ mayCreate }: { mayCreate: boolean }) {
  return (
    <Empty icon="folder" title={t("folders.empty.title")}>
      <p class="folders-empty">{t("folders.empty.what")}</p>
      {mayCreate && <Button kind="primary" icon="folderAdd" onClick={createFolder}>{t("folders.empty.action")}</Button>}
    </Empty>
  );
}

const sorts: { [by: string]: (a: Folder, b: Folder) => number } = {
  title: (a, b) => byName(a.title, b.title),
  owner: (a, b) => byName(holder(a), holder(b)),
  used: (a, b) => a.usage.bytes - b.usage.bytes,
  lastUsed: (a, b) => (a.lastUsed ?? "").localeCompare(b.lastUsed ?? ""),
};

type Asked = { q: string; show: string; label: string; sort: Sort };

// What the address asks for: so going back, and links, show the same.
function asked(): Asked {
  const query = route.value.query;
  const sort = query.get("sort") ?? "title";
  const by = sort.replace(/^-/, "");
  return { q: query.get("q") ?? "", show: query.get("show") ?? "", label: query.get("label") ?? "", sort: by in sorts ? { by, down: sort.startsWith("-") } : { by: "title", down: false } };
}

function ask(change: Partial<Asked>): void {
  const { q, show, label, sort } = { ...asked(), ...change };
  const order = (sort.down ? "-" : "") + sort.by;
  go(href([], { q, show, label, sort: order === "title" ? "" : order }), true);
}

// What a folder is found by, made once: there may be thousands, with a hundred labels each.
const words = new WeakMap<Folder, string>();
function wordsOf(f: Folder): string {
  let text = words.get(f);
  if (text === undefined) {
    text = [f.title, holder(f), f.id, ...Object.entries(f.labels).map(([k, v]) => labelText(k, v))].join("\n").toLocaleLowerCase();
    words.set(f, text);
  }
  return text;
}

function choose(folders: readonly Folder[], { q, show, label, sort }: Asked): Folder[] {
  const text = q.trim().toLocaleLowerCase();
  const found = folders.filter(
    (f) =>
      (show === "" || (show.startsWith("p:") ? f.project?.id === show.slice(2) : kindOf(f) === show)) &&
      (label === "" || hasLabel(f, label)) &&
      (text === "" || wordsOf(f).includes(text)),
  );
  const compare = sorts[sort.by]!;
  return found.sort((a, b) => (sort.down ? compare(b, a) : compare(a, b)) || byName(a.title, b.title) || (a.id < b.id ? -1 : 1));
}

function List({ folders, products }: { folders: readonly Folder[]; products: Parameters<typeof folderMenu>[1] }) {
  const now = asked();
  const found = useMemo(() => choose(folders, now), [folders, now.q, now.show, now.label, now.sort.by, now.sort.down]);
  const [shown, setShown] = useState(atOnce);
  useEffect(() => setShown(atOnce), [now.q, now.show, now.label, now.sort.by, now.sort.down]);
  const rows = found.slice(0, shown);
  const after = () => void refreshCatalog();
  const menu = (f: Folder) => folderMenu(f, products, after);
  const columns: Column<Folder>[] = [
    { id: "title", head: t("folders.title"), sortable: true, cell: (f) => <Title of={f} /> },
    { id: "owner", head: t("folders.owner"), sortable: true, cell: (f) => <Owner of={f} /> },
    ...(products.length > 1 ? [{ id: "product", head: t("folders.product"), cell: (f: Folder) => <Name text={f.product} /> }] : []),
    { id: "used", head: t("folders.used.head"), sortable: true, cell: (f) => <Used of={f} /> },
    { id: "rights", head: t("folders.rights.head"), cell: rightsText },
    { id: "lastUsed", head: t("folders.lastUsed"), sortable: true, cell: (f) => <Time at={f.lastUsed} /> },
    { id: "menu", head: t("folders.menu.head"), hideHead: true, end: true, cell: (f) => <MenuButton label={t("folders.menu.of", { title: visible(f.title) })} icon="dots" items={() => menu(f)} /> },
  ];
  return (
    <>
      <Tools folders={folders} now={now} />
      <p class="quiet" role="status">
        {found.length === folders.length
          ? t("folders.list.all", { n: found.length, bytes: bytes(total(found)) })
          : t("folders.list.some", { n: folders.length, found: found.length, bytes: bytes(total(found)) })}
      </p>
      {found.length === 0 ? (
        <Empty icon="search" title={t("folders.list.noneFound")}>
          <Button onClick={() => ask({ q: "", show: "", label: "" })}>{t("folders.list.clear")}</Button>
        </Empty>
      ) : (
        <div class="folder-list">
          <Table
            caption={t("nav.folders")} columns={columns} rows={rows} rowKey={(f) => f.id} sort={now.sort} onSort={(sort) => ask({ sort })}
            onRowMenu={(f, e) => openMenu(menu(f), e.clientX, e.clientY, t("folders.menu.of", { title: visible(f.title) }))}
          />
        </div>
      )}
      {rows.length < found.length && <More n={found.length - rows.length} show={() => setShown((n) => n + 2 * atOnce)} />}
    </>
  );
}

const total = (all: readonly Folder[]) => all.reduce((n, f) => n + f.usage.bytes, 0);

// A list of more is of no use to anybody, and slow.
const mostLabels = 200;

/** The labels to choose from, by name: all, or those that most folders have. */
function labelChoices(folders: readonly Folder[]): { choices: Map<string, string>; all: boolean } {
  const found = new Map<string, { key: string; value: string; n: number }>();
  for (const f of folders) {
    for (const [key, value] of Object.entries(f.labels)) {
      const label = found.get(`${key}=${value}`);
      if (label) {
        label.n++;
      } else {
        found.set(`${key}=${value}`, { key, value, n: 1 });
      }
    }
  }
  const all = found.size <= mostLabels;
  const some = all ? [...found] : [...found].sort(([, a], [, b]) => b.n - a.n).slice(0, mostLabels);
  return { choices: new Map(some.map(([id, { key, value }]) => [id, labelShort(key, value)])), all };
}

function Tools({ folders, now }: { folders: readonly Folder[]; now: Asked }) {
  const projects = new Map(folders.flatMap((f) => (f.project ? [[f.project.id, f.project.title]] : [])));
  const { choices, all } = useMemo(() => labelChoices(folders), [folders]);
  const labels = new Map(choices);
  if (now.label !== "" && !labels.has(now.label)) {
    const [key = "", value = ""] = now.label.split(/=(.*)/s);
    labels.set(now.label, labelShort(key, value));
  }
  return (
    <>
      <search class="folders-tools">
        <Field label={t("folders.list.search")} type="search" value={now.q} onInput={(e) => ask({ q: e.currentTarget.value })} />
        <Select
          label={t("folders.list.show")} value={now.show} onChange={(e) => ask({ show: e.currentTarget.value })}
          choices={[
            { value: "", label: t("folders.list.everything") },
            { value: "own", label: t("folders.list.own") },
            { value: "shared", label: t("folders.list.shared") },
            { value: "project", label: t("folders.list.projects") },
            ...[...projects].sort(([, a], [, b]) => byName(a, b)).map(([id, title]) => ({ value: `p:${id}`, label: t("folders.list.project", { title: visible(title) }) })),
          ]}
        />
        {labels.size > 0 && (
          <Select
            label={t("folders.labels.label")} value={now.label} onChange={(e) => (e.currentTarget.value === "" ? withoutLabel() : ask({ label: e.currentTarget.value }))}
            choices={[{ value: "", label: t("folders.labels.any") }, ...[...labels].sort(([, a], [, b]) => byName(a, b)).map(([value, label]) => ({ value, label }))]}
          />
        )}
        <Select
          class="folders-sort" label={t("folders.list.sort")} value={(now.sort.down ? "-" : "") + now.sort.by}
          onChange={(e) => ask({ sort: { by: e.currentTarget.value.replace(/^-/, ""), down: e.currentTarget.value.startsWith("-") } })}
          choices={(["title", "-title", "owner", "-owner", "-used", "used", "-lastUsed", "lastUsed"] as const).map((value) => ({ value, label: t(`folders.list.sorts.${value}`) }))}
        />
      </search>
      {!all && <p class="hint">{t("folders.labels.some")}</p>}
    </>
  );
}

function Title({ of }: { of: Folder }) {
  return (
    <div class="folder-title">
      <a href={href(["files", of.id])}><Icon name="folder" /><Name text={of.title} /></a>
      {of.inUse && <a class="badge warn" href={href(["folders", of.id, "details"])} title={t("folders.inUse.hint")}>{t("folders.inUse.mark")}</a>}
      <Labels of={of} />
    </div>
  );
}

/** Who has a folder: a user, a project, or who is signed in. */
export function Owner({ of }: { of: Folder }) {
  if (of.project) {
    return <span class="folder-owner"><Icon name="users" /><span><span class="unseen">{t("folders.ofProject")} </span><Name text={of.project.title} /></span></span>;
  }
  if (of.owner === null) {
    return <span class="quiet">{t("folders.ofNobody")}</span>;
  }
  return <span class="folder-owner"><Icon name="user" />{kindOf(of) === "own" ? t("folders.ofMe") : <Name text={of.owner} />}</span>;
}

/** How full a folder is, in bytes and in files. */
export function Used({ of }: { of: Folder }) {
  const { usage } = of;
  const title = visible(of.title);
  return (
    <div class="folder-used">
      <Usage label={t("folders.used.bytesOf", { title })} used={usage.bytes} max={usage.maxBytes} unit="bytes" />
      <Usage label={t("folders.used.filesOf", { title })} used={usage.files} max={usage.maxFiles} unit="files" />
    </div>
  );
}

// The rest of the list comes when its end is seen, or by the button.
function More({ n, show }: { n: number; show: () => void }) {
  const end = useRef<HTMLDivElement>(null);
  const current = useRef(show);
  current.current = show;
  useEffect(() => {
    const seen = new IntersectionObserver((e) => e.some((x) => x.isIntersecting) && current.current(), { rootMargin: "800px" });
    seen.observe(end.current!);
    return () => seen.disconnect();
  }, [n]);
  return <div ref={end} class="folders-more"><Button onClick={show}>{t("folders.list.more", { n })}</Button></div>;
}
