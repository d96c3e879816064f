// A directory of a folder: #/files/ID/step/step. With ?search=words it is what was found below it, with ?show=name
// that entry is selected.
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { ViewProps } from "../app.tsx";
import { call, fileID, messageOf, Problem } from "../api.ts";
import { bytes, count, visible } from "../format.ts";
import { useLoad } from "../load.ts";
import type { Folder } from "../model.ts";
import { go, href, route } from "../route.ts";
import { rich, t } from "../text.ts";
import { Button, IconButton } from "../ui/button.tsx";
import { Alert, Empty, Failure, Spinner, toastError, Usage } from "../ui/feedback.tsx";
import { Icon } from "../ui/icon.tsx";
import { MenuButton, openMenu, type MenuItem } from "../ui/menu.tsx";
import { Name } from "../ui/name.tsx";
import { Page } from "../ui/page.tsx";
import { dropAndUpload, DropTarget, UploadButton, uploadItems, useLanded, type Target } from "../uploads/index.tsx";
import {
  breakLock, bring, clipboard, copyDavURL, copyToClipboard, directoryHref, download, emptyTrash, fileHref, hrefOf, newDirectory, newText, paste, removeForGood,
  restore, trash, type Item, type Place,
} from "./actions.tsx";
import { gone, lockOf, useDirectory, useFolder, type Directory } from "./directory.ts";
import { filtered, inTrash, isBelow, isTrash, nameOf, parentOf, sorted, stepsOf, trashName, type Entry, type Order } from "./entry.ts";
import { Grid, nothing, type ColumnID, type Selection } from "./grid.tsx";
import { openKeys } from "./keys.tsx";
import { entryOf, type FileJSON } from "./listing.ts";
import { pickDirectory } from "./picker.tsx";
import { prefs, setPrefs } from "./prefs.ts";
import { openProperties } from "./properties.tsx";
import { Rename } from "./rename.tsx";
import { why } from "./work.tsx";

export default function Files({ args }: ViewProps) {
  const [id = "", ...steps] = args.filter((s, i) => i === 0 || s !== "");
  const dir = steps.join("/");
  const folder = useFolder(id);
  const directory = useDirectory(id, dir);
  const search = route.value.query.get("search") ?? "";
  if ((folder.error !== undefined && gone(folder.error)) || folder.value?.deleted) {
    return (
      <Page title={t("files.gone.folderTitle")}>
        <Empty icon="folder" title={t("files.gone.folder")}>
          <p>{t("files.gone.folderWhy")}</p>
          {folder.value?.deleted && folder.value.rights.includes("admin") && <p><a href={href(["folders", id])}>{t("files.gone.restore")}</a></p>}
          <p><a href={href([])}>{t("app.toFolders")}</a></p>
        </Empty>
      </Page>
    );
  }
  if (!folder.value) {
    return (
      <Page title={t("nav.folders")}>
        {folder.error !== undefined ? <Failure error={folder.error} retry={folder.reload} /> : <Spinner />}
      </Page>
    );
  }
  if (search !== "") {
    return <Search key={`${id}/${dir}?${search}`} folder={folder.value} dir={dir} words={search} directory={directory} reload={folder.reload} />;
  }
  return <Browse folder={folder.value} dir={dir} directory={directory} reload={folder.reload} />;
}

type ViewOf = { folder: Folder; dir: string; directory: Directory; reload: () => void };

function Browse({ folder, dir, directory, reload }: ViewOf) {
  const { listing, error } = directory;
  const missing = error !== undefined && gone(error);
  useEffect(() => {
    if (missing) {
      reload(); // the folder itself may be gone
    }
  }, [missing]);
  const entries = missing ? none : listing?.entries ?? none;
  const bad = missing || (error !== undefined && !listing);
  return (
    <View
      folder={folder}
      dir={dir}
      directory={directory}
      reload={reload}
      entries={entries}
      loading={!listing && error === undefined}
      whole={listing?.whole ?? false}
      order={isTrash(dir) ? undefined : prefs.value.order}
      columns={isTrash(dir) ? trashColumns : plainColumns}
      instead={
        missing && dir === "" ? (
          <Empty icon="lock" title={t("files.gone.noRead")}>
            <p>{t("files.gone.noReadWhy")}</p>
            <p><a href={href([])}>{t("app.toFolders")}</a></p>
          </Empty>
        ) : missing ? (
          <Empty icon="folder" title={t("files.gone.path")}>
            <p>{t("files.gone.pathWhy")}</p>
            <p><a href={directoryHref(folder.id, parentOf(dir))}>{t("files.gone.toParent")}</a></p>
          </Empty>
        ) : bad ? (
          error instanceof Problem && error.status === 400 && dir !== "" ? (
            <Empty icon="file" title={visible(why(error))}>
              <p><a href={fileHref(folder.id, dir)}>{t("files.gone.isFile")}</a></p>
            </Empty>
          ) : (
            <Failure error={error} retry={directory.reload} />
          )
        ) : undefined
      }
      warning={error !== undefined && listing && !missing ? messageOf(error) : ""}
    />
  );
}

const none: readonly Entry[] = [];
const plainColumns: readonly ColumnID[] = ["size", "modified", "kind"];
const trashColumns: readonly ColumnID[] = ["size", "deleted", "where"];
const searchColumns: readonly ColumnID[] = ["size", "modified", "where"];

type FoundPage = { items: FileJSON[]; next: string | null; complete: boolean };

function Search({ folder, dir, words, directory, reload }: ViewOf & { words: string }) {
  const [pages, setPages] = useState(1);
  const found = useLoad(
    async (signal) => {
      let next: string | null = null;
      let complete = true;
      const entries: Entry[] = [];
      for (let page = 0; page < pages && (page === 0 || next !== null); page++) {
        const got: FoundPage = await call<FoundPage>("POST", "/api/files/search", { body: { query: words, path: fileID(folder.id, dir), flags: {}, itemsPerPage: 1000, next }, signal });
        entries.push(...got.items.map((f) => entryOf(folder.id, f)));
        complete = got.complete;
        next = got.next;
      }
      return { entries, next, complete };
    },
    [pages],
  );
  return (
    <View
      folder={folder}
      dir={dir}
      directory={{ ...directory, reload: found.reload }}
      reload={reload}
      entries={found.value?.entries ?? none}
      loading={!found.value && found.error === undefined}
      whole={found.value !== undefined}
      order={prefs.value.order}
      columns={searchColumns}
      search={words}
      instead={found.error !== undefined && !found.value ? <Failure error={found.error} retry={found.reload} /> : undefined}
      warning={found.value && !found.value.complete ? t("files.search.incomplete") : ""}
      more={found.value?.next ? () => setPages((n) => n + 1) : undefined}
    />
  );
}

type Props = ViewOf & {
  entries: readonly Entry[];
  loading: boolean;
  whole: boolean;
  /** Undefined: what is in the trash, newest first. */
  order: Order | undefined;
  columns: readonly ColumnID[];
  /** The words that were looked for. */
  search?: string;
  instead: ComponentChildren;
  warning: string;
  more?: (() => void) | undefined;
};

function View({ folder, dir, directory, reload, entries, loading, whole, order, columns, search = "", instead, warning, more }: Props) {
  const key = `${folder.id}/${dir}?${search}`;
  const [selection, setSelection] = useState<Selection>(nothing);
  const [filter, setFilter] = useState("");
  const [renaming, setRenaming] = useState("");
  const [trashOrder, setTrashOrder] = useState<Order>({ by: "deleted", down: true });
  const [said, setSaid] = useState("");
  const [menuAt, setMenuAt] = useState<{ x: number; y: number } | null>(null);
  const handle = useRef({ focus: () => {} }).current;
  const filterField = useRef<HTMLInputElement>(null);
  const wanted = useRef<readonly string[]>([]);
  const before = useRef(key);
  const cameFrom = useRef([folder.id, dir] as const);
  const dragged = useRef<readonly Item[]>([]);

  const mayWrite = !instead && (directory.listing?.facts.writable ?? folder.rights.includes("write"));
  const trashed = isTrash(dir) || inTrash(dir);
  const uploadTo: Target | undefined = mayWrite && !trashed && search === "" ? { folder: folder.id, folderName: folder.title, path: dir } : undefined;
  useLanded(folder.id, dir, () => {
    directory.reload();
    reload();
  });
  const { hidden } = prefs.value;
  const used = order ?? trashOrder;
  const inOrder = useRef<{ by: string; entries: readonly Entry[] }>({ by: "", entries: none }).current;
  const ordered = useMemo(() => {
    const by = `${key} ${used.by} ${used.down}`;
    inOrder.entries = sorted(entries, used, inOrder.by === by ? inOrder.entries : none);
    inOrder.by = by;
    return inOrder.entries;
  }, [entries, used.by, used.down, key]);
  const shown = useMemo(() => filtered(ordered, filter, hidden || trashed || search !== ""), [ordered, filter, hidden, trashed, search]);
  const byPath = useMemo(() => new Map(entries.map((e) => [e.path, e])), [entries]);
  const picked = useMemo(() => {
    const all: Entry[] = [];
    for (const path of selection.picked) {
      const e = byPath.get(path);
      if (e) {
        all.push(e);
      }
    }
    return all;
  }, [selection.picked, byPath]);

  // Another directory: nothing is selected, but going up selects where one comes from.
  if (before.current !== key) {
    const [wasFolder, wasDir] = cameFrom.current;
    before.current = key;
    cameFrom.current = [folder.id, dir];
    const child = wasFolder === folder.id && wasDir !== dir && isBelow(wasDir, dir) ? stepsOf(wasDir).slice(0, stepsOf(dir).length + 1).join("/") : "";
    wanted.current = child === "" ? [] : [child];
    setSelection(nothing);
    setFilter("");
    setRenaming("");
  }
  const show = route.value.query.get("show");
  useEffect(() => {
    if (show) {
      wanted.current = [dir === "" ? show : `${dir}/${show}`];
    }
  }, [key, show]);

  // What is wanted is selected once it is there; what is gone is selected no more.
  useEffect(() => {
    const there = wanted.current.filter((p) => byPath.has(p));
    if (there.length > 0) {
      wanted.current = [];
      setSelection({ picked: new Set(there), anchor: there[0]!, active: there[0]! });
      return;
    }
    if (!whole) {
      return;
    }
    setSelection((was) => {
      if ((was.active === "" || byPath.has(was.active)) && [...was.picked].every((p) => byPath.has(p))) {
        return was;
      }
      return { picked: new Set([...was.picked].filter((p) => byPath.has(p))), anchor: byPath.has(was.anchor) ? was.anchor : "", active: byPath.has(was.active) ? was.active : near() };
    });
  }, [byPath, whole, show]);
  // The row that stands where the active one was.
  const places = useRef<readonly Entry[]>([]);
  const near = () => {
    const at = places.current.findIndex((e) => e.path === selection.active);
    return shown[Math.min(Math.max(0, at), shown.length - 1)]?.path ?? "";
  };
  useEffect(() => {
    places.current = shown;
  }, [shown]);

  // The list has the focus when one comes to a directory, unless something else was gone to meanwhile.
  useEffect(() => {
    const at = document.activeElement;
    if (at === null || at === document.body || at.closest(".files h1, .files nav, .files .grid")) {
      handle.focus();
    }
  }, [key, loading]);

  useEffect(() => {
    if (filter !== "") {
      const timer = setTimeout(() => setSaid(t("files.filter.found", { n: shown.length })), 600);
      return () => clearTimeout(timer);
    }
    setSaid("");
    return undefined;
  }, [filter, shown.length]);

  const place: Place = {
    folder, dir, locks: directory.locks,
    changed: (select) => {
      if (select && select.length > 0 && before.current === key) {
        wanted.current = select;
      }
      directory.reload();
      reload();
    },
  };
  const run = (work: Promise<unknown>) => {
    work.catch(toastError).finally(handle.focus);
  };
  const open = (e: Entry) => go(hrefOf(folder.id, e));
  const up = () => {
    if (search !== "") {
      go(directoryHref(folder.id, dir));
    } else if (dir !== "") {
      go(directoryHref(folder.id, parentOf(dir)));
    } else {
      go(href([]));
    }
  };
  const toTrash = () => {
    const list = picked;
    if (!mayWrite || list.length === 0) {
      return;
    }
    if (trashed || list.some((e) => isTrash(e.path) || inTrash(e.path))) {
      removeForGood(place, list);
    } else {
      run(trash(place, list));
    }
  };
  const pick = (move: boolean) => {
    const list = picked;
    pickDirectory(t(move ? "files.move.title" : "files.copy.title", { n: list.length }), t(move ? "files.move.here" : "files.copy.here"), { folder: folder.id, dir: search !== "" || trashed ? "" : dir, title: folder.title })
      .then((to) => {
        if (to) {
          run(bring(place, move, folder.id, list, to));
        }
      })
      .catch(toastError);
  };
  const downloadPicked = () => run(download(folder, dir, picked, search === "" && filter === "" && picked.length > 1 && picked.length === entries.length));

  const here: MenuItem[] = [
    ...(uploadTo
      ? ([
          ...uploadItems(uploadTo),
          { label: t("files.new.directory"), icon: "folderAdd", separated: true, run: () => newDirectory(place) },
          { label: t("files.new.text"), icon: "text", run: () => newText(place) },
          ...(clipboard.value ? [{ label: t("files.paste", { n: clipboard.value.items.length }), icon: "check", shortcut: "Ctrl+V", run: () => paste(place, dir) } satisfies MenuItem] : []),
        ] satisfies MenuItem[])
      : []),
    { label: t("files.menu.all"), icon: "list", shortcut: "Ctrl+A", separated: true, disabled: shown.length === 0, run: () => setSelection((s) => ({ ...s, picked: new Set(shown.map((e) => e.path)) })) },
    { label: t(hidden ? "files.menu.hideHidden" : "files.menu.showHidden"), icon: hidden ? "check" : "list", run: () => setPrefs({ hidden: !hidden }) },
    { label: t("files.menu.refresh"), icon: "refresh", run: () => { directory.reload(); reload(); } },
    ...(isTrash(dir) ? [] : [{ label: t("files.menu.trash"), icon: "trash", separated: true, run: () => go(directoryHref(folder.id, trashName)) } satisfies MenuItem]),
    { label: t("files.menu.zipAll"), icon: "download", run: () => run(download(folder, dir, [{ path: dir, dir: true }], true)) },
    { label: t("files.menu.copyURL"), icon: "link", run: () => copyDavURL(folder.id, { path: dir, dir: true }) },
    { label: t("files.menu.properties"), icon: "info", run: () => openProperties(place, { path: dir, dir: true }) },
    { label: t("files.menu.keys"), icon: "info", shortcut: "?", separated: true, run: openKeys },
  ];
  const ofPicked = (): MenuItem[] => {
    const one = picked.length === 1 ? picked[0]! : undefined;
    const lock = one && lockOf(directory.locks, one.path);
    const list: MenuItem[] = [];
    if (one) {
      list.push({ label: t("files.menu.open"), icon: one.dir ? "folder" : "file", shortcut: "Enter", run: () => open(one) });
      if (search !== "") {
        list.push({ label: t("files.menu.show"), icon: "search", run: () => go(directoryHref(folder.id, parentOf(one.path), { show: one.name })) });
      }
    }
    list.push({ label: one && !one.dir ? t("files.download.one") : t("files.download.zip"), icon: "download", run: downloadPicked });
    list.push({ label: t("files.menu.copy"), icon: "copy", shortcut: "Ctrl+C", separated: true, run: () => copyToClipboard(folder.id, picked, false) });
    if (mayWrite && trashed) {
      list.push({ label: t("files.trash.restore"), icon: "restore", run: () => run(restore(place, picked)) });
    }
    if (mayWrite) {
      list.push({ label: t("files.menu.cut"), icon: "cut", shortcut: "Ctrl+X", run: () => copyToClipboard(folder.id, picked, true) });
      if (one?.dir && clipboard.value && !trashed) {
        list.push({ label: t("files.pasteInto"), icon: "check", run: () => paste(place, one.path) });
      }
    }
    if (mayWrite) {
      list.push({ label: t("files.move.menu"), icon: "move", run: () => pick(true) });
    }
    list.push({ label: t("files.copy.menu"), icon: "copy", run: () => pick(false) });
    if (mayWrite) {
      if (one && !trashed) {
        list.push({ label: t("files.menu.rename"), icon: "edit", shortcut: "F2", run: () => setRenaming(one.path) });
      }
      if (!trashed && !picked.some((e) => isTrash(e.path))) {
        list.push({ label: t("files.trash.to"), icon: "trash", shortcut: "Del", separated: true, run: toTrash });
      }
      list.push({ label: t("files.remove.menu"), icon: "close", shortcut: "Shift+Del", danger: true, separated: trashed, run: () => removeForGood(place, picked) });
    }
    if (one) {
      if (lock?.token) {
        list.push({ label: t("files.lock.remove"), icon: "lock", separated: true, run: () => breakLock(place, lock) });
      }
      list.push({ label: t("files.menu.copyURL"), icon: "link", separated: !lock?.token, run: () => copyDavURL(folder.id, one) });
      list.push({ label: t("files.menu.properties"), icon: "info", shortcut: "Alt+Enter", run: () => openProperties(place, one) });
    }
    return list;
  };
  const onKey = (e: KeyboardEvent) => {
    const command = e.ctrlKey || e.metaKey;
    const letter = e.key.toLowerCase();
    if (e.key === "Backspace" || (e.altKey && e.key === "ArrowUp")) {
      up();
    } else if (e.altKey && e.key === "Enter") {
      openProperties(place, picked.length === 1 ? picked[0]! : { path: dir, dir: true });
    } else if (e.altKey) {
      return;
    } else if (e.key === "F2") {
      if (mayWrite && !trashed && byPath.has(selection.active)) {
        setRenaming(selection.active);
      }
    } else if (e.key === "Delete") {
      if (mayWrite && picked.length > 0) {
        if (e.shiftKey) {
          removeForGood(place, picked);
        } else {
          toTrash();
        }
      }
    } else if (e.key === "Escape") {
      if (clipboard.value?.cut) {
        clipboard.value = null;
      }
      setSelection((s) => ({ ...s, picked: new Set() }));
    } else if (e.key === "/") {
      filterField.current?.focus();
    } else if (e.key === "?") {
      openKeys();
    } else if (command && (letter === "c" || letter === "x")) {
      if (picked.length > 0 && (letter === "c" || mayWrite)) {
        copyToClipboard(folder.id, picked, letter === "x");
      }
    } else if (command && letter === "v" && clipboard.value) {
      if (mayWrite && !trashed && search === "") {
        paste(place, dir);
      }
    } else {
      return;
    }
    e.preventDefault();
  };
  // The menu is about what is selected once the click that asked for it has been drawn.
  useLayoutEffect(() => {
    if (menuAt) {
      setMenuAt(null);
      handle.focus();
      openMenu(picked.length > 0 ? ofPicked() : here, menuAt.x, menuAt.y, picked.length > 0 ? t("files.more") : t("files.view"));
    }
  }, [menuAt]);
  const drag = {
    start: (e: DragEvent, entry: Entry) => {
      if (!e.dataTransfer) {
        return false;
      }
      dragged.current = selection.picked.has(entry.path) ? picked : [entry];
      e.dataTransfer.clearData();
      e.dataTransfer.setData(dragType, folder.id);
      e.dataTransfer.setData("text/plain", dragged.current.length === 1 ? entry.name : t("files.entries", { n: dragged.current.length }));
      e.dataTransfer.effectAllowed = mayWrite ? "copyMove" : "copy";
      return true;
    },
    over: (to: string, e: DragEvent) => {
      if (!mayWrite || !e.dataTransfer?.types.includes(dragType) || dragged.current.some((x) => x.dir && isBelow(to, x.path))) {
        return false;
      }
      e.preventDefault();
      e.dataTransfer.dropEffect = e.ctrlKey ? "copy" : "move";
      return true;
    },
    drop: (to: string, e: DragEvent) => {
      const list = dragged.current;
      if (!e.dataTransfer?.types.includes(dragType) || list.length === 0) {
        return;
      }
      e.preventDefault();
      dragged.current = [];
      if (isTrash(to) && !trashed) {
        run(trash(place, list));
      } else {
        run(bring(place, !e.ctrlKey, folder.id, list, { folder: folder.id, dir: to, title: folder.title }));
      }
    },
  };
  const cut = useMemo(() => new Set(clipboard.value?.cut && clipboard.value.folder === folder.id ? clipboard.value.items.map((i) => i.path) : []), [clipboard.value, folder.id]);
  const title = search !== "" ? t("files.search.title", { words: search, name: nameOf(dir) || folder.title }) : nameOf(dir) || folder.title;
  const heading = search !== ""
    ? rich("files.search.title", { words: <Name text={search} />, name: <Name text={nameOf(dir) || folder.title} /> })
    : isTrash(dir) ? t("files.trash.title") : <Name text={nameOf(dir) || folder.title} />;
  const lockHere = directory.listing?.facts.locked ? lockOf(directory.locks, dir) : undefined;

  return (
    <Page class="files" title={title} heading={heading}>
      <Crumbs folder={folder} dir={dir} search={search} drag={drag} />
      <div class="files-bar" role="group" aria-label={t("files.toolbar")}>
        {picked.length > 0 ? (
          <>
            <IconButton icon="close" label={t("files.clear")} onClick={() => { setSelection((s) => ({ ...s, picked: new Set() })); handle.focus(); }} />
            <span class="files-picked">{t("files.picked", { n: picked.length })}</span>
            {trashed && mayWrite ? (
              <Button icon="restore" onClick={() => run(restore(place, picked))}>{t("files.trash.restore")}</Button>
            ) : (
              <Button icon="download" class="shrinks" onClick={downloadPicked}>{picked.length === 1 && !picked[0]!.dir ? t("files.download.one") : t("files.download.zip")}</Button>
            )}
            {mayWrite && !trashed && <Button icon="move" class="shrinks" onClick={() => pick(true)}>{t("files.move.menu")}</Button>}
            {mayWrite && (trashed
              ? <Button icon="trash" class="shrinks" onClick={() => removeForGood(place, picked)}>{t("files.remove.menu")}</Button>
              : <Button icon="trash" class="shrinks" onClick={toTrash}>{t("files.trash.to")}</Button>)}
            <MenuButton kind="plain" icon="dots" label={t("files.more")} items={ofPicked} />
          </>
        ) : (
          <>
            {isTrash(dir) && mayWrite && <Button icon="trash" kind="danger" disabled={entries.length === 0} onClick={() => emptyTrash(place)}>{t("files.trash.empty")}</Button>}
            {uploadTo && <UploadButton target={uploadTo} />}
            {uploadTo && (
              <MenuButton
                kind="plain"
                class="shrinks"
                icon="add"
                label={t("files.new.menu")}
                items={() => [
                  { label: t("files.new.directory"), icon: "folderAdd", run: () => newDirectory(place) },
                  { label: t("files.new.text"), icon: "text", run: () => newText(place) },
                ]}
              >
                {t("files.new.menu")}
              </MenuButton>
            )}
            {uploadTo && clipboard.value && <Button icon="check" onClick={() => paste(place, dir)}>{t("files.paste", { n: clipboard.value.items.length })}</Button>}
          </>
        )}
        <span class="files-space" />
        <form
          class="files-filter"
          role="search"
          onSubmit={(e) => {
            e.preventDefault();
            if (filter.trim() !== "") {
              go(directoryHref(folder.id, dir, { search: filter.trim() }));
            }
          }}
        >
          <Icon name="search" />
          <input
            ref={filterField}
            type="search"
            aria-label={t("files.filter.label")}
            placeholder={t("files.filter.placeholder")}
            title={t("files.filter.hint")}
            value={filter}
            onInput={(e) => setFilter(e.currentTarget.value)}
            onKeyDown={(e) => {
              if (e.key === "Escape") {
                e.preventDefault();
                setFilter("");
                handle.focus();
              } else if (e.key === "ArrowDown") {
                e.preventDefault();
                handle.focus();
              }
            }}
          />
        </form>
        <MenuButton kind="plain" icon="menu" label={t("files.view")} items={() => here} />
      </div>
      {warning !== "" && <Alert kind="warning">{warning}</Alert>}
      {lockHere && <Alert kind="info">{rich("files.lockedHere", { user: <Name text={lockHere.user} /> })}</Alert>}
      {!mayWrite && !loading && !instead && search === "" && <p class="quiet files-readonly"><Icon name="lock" />{t("files.readOnly")}</p>}
      {instead ?? (loading ? (
        <Spinner />
      ) : (
        <DropTarget class="files-list" target={uploadTo}>
          <Grid
            label={search !== "" ? t("files.search.label", { words: visible(search) }) : t("files.list", { name: visible(nameOf(dir) || folder.title) })}
            entries={shown}
            columns={columns}
            order={search !== "" ? prefs.value.order : used}
            onOrder={(o) => {
              if (order) {
                setPrefs({ order: o });
              } else {
                setTrashOrder(o);
              }
              const by = t(`files.columns.${o.by}`);
              setSaid(t(o.down ? "files.sortedDown" : "files.sortedUp", { by }));
            }}
            selection={selection}
            onSelection={setSelection}
            hrefOf={(e) => hrefOf(folder.id, e)}
            onOpen={open}
            onMenu={(x, y) => setMenuAt({ x, y })}
            onKey={onKey}
            onPaste={(e) => {
              if (uploadTo && e.clipboardData?.types.includes("Files")) {
                e.preventDefault();
                dropAndUpload(uploadTo, e.clipboardData);
              }
            }}
            lockOf={(e) => lockOf(directory.locks, e.path)}
            cut={cut}
            renaming={renaming}
            rename={(e) => <Rename place={place} entry={e} onDone={() => { setRenaming(""); handle.focus(); }} />}
            drag={drag}
            handle={handle}
            busy={!whole}
          />
          {shown.length === 0 && whole && (
            <div class="files-empty">
              {entries.length > 0 && filter !== "" ? (
                <Empty icon="search" title={t("files.filter.none")}>
                  <p><a href={directoryHref(folder.id, dir, { search: filter.trim() })}>{rich("files.filter.below", { words: <Name text={filter.trim()} /> })}</a></p>
                </Empty>
              ) : entries.length > 0 ? (
                <Empty icon="folder" title={t("files.empty.hidden", { n: entries.length })}>
                  <Button onClick={() => setPrefs({ hidden: true })}>{t("files.menu.showHidden")}</Button>
                </Empty>
              ) : search !== "" ? (
                <Empty icon="search" title={t("files.search.none")}><p>{t("files.search.how")}</p></Empty>
              ) : trashed ? (
                <Empty icon="trash" title={t("files.trash.none")}><p>{t("files.trash.about")}</p></Empty>
              ) : (
                <Empty icon="folder" title={t("files.empty.title")}>
                  {uploadTo && <p>{t("files.empty.how")}</p>}
                  {uploadTo && <UploadButton target={uploadTo} />}
                </Empty>
              )}
            </div>
          )}
        </DropTarget>
      ))}
      <div class="files-status">
        <span>
          {!whole && !loading && <>{t("common.loading")} </>}
          {filter !== "" ? t("files.someOf", { shown: count(shown.length), n: entries.length }) : t("files.entries", { n: shown.length })}
          {filter === "" && shown.length !== entries.length && <>, {t("files.hidden", { n: entries.length - shown.length })}</>}
          {picked.length > 0 && <> · {t("files.pickedSize", { n: picked.length, size: bytes(picked.reduce((sum, e) => sum + e.size, 0)) })}</>}
          {filter.trim() !== "" && search === "" && shown.length > 0 && <> · <a href={directoryHref(folder.id, dir, { search: filter.trim() })}>{rich("files.filter.below", { words: <Name text={filter.trim()} /> })}</a></>}
        </span>
        {more && <Button onClick={more}>{t("files.search.more")}</Button>}
        <Usage used={folder.usage.bytes} max={folder.usage.maxBytes} unit="bytes" label={t("files.usage")} />
        {manyFiles(folder) && <Usage used={folder.usage.files} max={folder.usage.maxFiles} unit="files" label={t("files.usageFiles")} />}
      </div>
      <p class="unseen" role="status">{said}</p>
    </Page>
  );
}

// The number of files is told once it is what fills the folder.
const manyFiles = ({ usage }: Folder): boolean => usage.maxFiles !== null && usage.files >= usage.maxFiles * 0.9;

const dragType = "application/x-davit-entries";

type Drop = { over: (dir: string, e: DragEvent) => boolean; drop: (dir: string, e: DragEvent) => void };

/** The way from the folders to here; each step takes what is dropped on it. */
function Crumbs({ folder, dir, search, drag }: { folder: Folder; dir: string; search: string; drag: Drop }) {
  const steps = stepsOf(dir);
  const places = [folder.title, ...steps];
  if (search === "") {
    places.pop(); // the heading says where this is
  }
  return (
    <nav class="files-way" aria-label={t("files.way")}>
      <ol class="crumbs">
        <li><a class="crumb" href={href([])}>{t("nav.folders")}</a></li>
        {places.map((name, i) => {
          const to = steps.slice(0, i).join("/");
          return <Crumb key={to} name={i === 1 && to === trashName ? t("files.trash.title") : name} href={directoryHref(folder.id, to)} dir={to} drag={drag} />;
        })}
      </ol>
    </nav>
  );
}

function Crumb({ name, href: to, dir, drag }: { name: string; href: string; dir: string; drag: Drop }) {
  const [over, setOver] = useState(false);
  return (
    <li>
      <a
        class={over ? "crumb over" : "crumb"}
        href={to}
        title={visible(name)}
        draggable={false}
        onDragOver={(e) => { if (drag.over(dir, e)) setOver(true); }}
        onDragLeave={() => setOver(false)}
        onDrop={(e) => { setOver(false); drag.drop(dir, e); }}
      >
        <Name text={name} />
      </a>
    </li>
  );
}
