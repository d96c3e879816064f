// The list of entries: only the rows that are seen are in the page, and one more that has the focus. It works as the
// lists of desktops' file managers do; to screen readers it is a grid of known length with an active row.
import type { ComponentChildren, HTMLAttributes } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { date, dateLong, visible } from "../format.ts";
import type { Lock } from "../model.ts";
import { t } from "../text.ts";
import { IconButton } from "../ui/button.tsx";
import { Icon } from "../ui/icon.tsx";
import { Name } from "../ui/name.tsx";
import { iconOf, kindWords, parentOf, sizeWords, type Entry, type Order, type SortBy } from "./entry.ts";

export type Selection = {
  /** Paths. */
  picked: ReadonlySet<string>;
  /** Where a range begins, and the row that keys act on. "" is none. */
  anchor: string;
  active: string;
};
export const nothing: Selection = { picked: new Set(), anchor: "", active: "" };

export type ColumnID = "size" | "modified" | "kind" | "where" | "deleted";

type Props = {
  label: string;
  entries: readonly Entry[];
  columns: readonly ColumnID[];
  order: Order | undefined;
  onOrder: (order: Order) => void;
  selection: Selection;
  onSelection: (s: Selection) => void;
  /** Where an entry leads, for its link. */
  hrefOf: (e: Entry) => string;
  onOpen: (e: Entry) => void;
  /** Asks for the menu of the selection at a place of the window. */
  onMenu: (x: number, y: number) => void;
  /** Looks at keys that the list has no use for. */
  onKey: (e: KeyboardEvent) => void;
  onPaste: (e: ClipboardEvent) => void;
  lockOf: (e: Entry) => Lock | undefined;
  /** Paths that were cut. */
  cut: ReadonlySet<string>;
  /** The entry whose name is being written, and what becomes of it. */
  renaming: string;
  rename: (e: Entry) => ComponentChildren;
  drag: { start: (e: DragEvent, entry: Entry) => boolean; over: (dir: string, e: DragEvent) => boolean; drop: (dir: string, e: DragEvent) => void };
  /** Where the list puts its means to take the focus. */
  handle: { focus: () => void };
  busy: boolean;
};

const narrowScreen = matchMedia("(max-width: 40rem)");
const coarse = matchMedia("(pointer: coarse)");
const overscan = 6;
const step = 4; // rows that are drawn anew together

function useNarrow(): boolean {
  const [narrow, setNarrow] = useState(narrowScreen.matches || coarse.matches);
  useEffect(() => {
    const changed = () => setNarrow(narrowScreen.matches || coarse.matches);
    narrowScreen.addEventListener("change", changed);
    coarse.addEventListener("change", changed);
    return () => {
      narrowScreen.removeEventListener("change", changed);
      coarse.removeEventListener("change", changed);
    };
  }, []);
  return narrow;
}

export function Grid(p: Props) {
  const grid = useRef<HTMLDivElement>(null);
  const head = useRef<HTMLDivElement>(null);
  const rowHeight = useNarrow() ? 52 : 36;
  const [first, setFirst] = useState(0);
  const [height, setHeight] = useState(600);
  const typed = useRef({ text: "", at: 0 });
  const indexOf = useMemo(() => new Map(p.entries.map((e, i) => [e.path, i])), [p.entries]);
  // Until keys or clicks have chosen a row the first one is active: it shows where the focus is, and the arrows begin there.
  const chosen = indexOf.get(p.selection.active) ?? -1;
  const active = chosen < 0 && p.entries.length > 0 ? 0 : chosen;
  p.handle.focus = () => grid.current?.focus({ preventScroll: true });

  useLayoutEffect(() => {
    const el = grid.current!;
    const measure = () => setHeight(el.clientHeight);
    measure();
    const watch = new ResizeObserver(measure);
    watch.observe(el);
    return () => watch.disconnect();
  }, []);
  const scrolled = () => setFirst(Math.floor(grid.current!.scrollTop / rowHeight / step) * step);
  useLayoutEffect(scrolled, [rowHeight, p.entries]);

  // The active row comes into view when it becomes another one, not whenever rows come and go around it.
  const headHeight = () => head.current?.offsetHeight ?? 0;
  useLayoutEffect(() => {
    const el = grid.current!;
    if (chosen < 0) {
      return;
    }
    const top = chosen * rowHeight;
    const room = el.clientHeight - headHeight();
    if (top < el.scrollTop) {
      el.scrollTop = top;
    } else if (top + rowHeight > el.scrollTop + room) {
      el.scrollTop = top + rowHeight - room;
    }
    scrolled();
  }, [p.selection.active, rowHeight]);

  const select = (path: string, how: "only" | "toggle" | "range" | "rangeMore" | "focus") => {
    const s = p.selection;
    if (how === "focus") {
      p.onSelection({ ...s, active: path });
      return;
    }
    if (how === "only") {
      p.onSelection({ picked: new Set([path]), anchor: path, active: path });
      return;
    }
    const picked = new Set(how === "range" ? [] : s.picked);
    if (how === "toggle") {
      if (!picked.delete(path)) {
        picked.add(path);
      }
      p.onSelection({ picked, anchor: path, active: path });
      return;
    }
    const from = indexOf.get(s.anchor) ?? indexOf.get(s.active) ?? 0;
    const to = indexOf.get(path) ?? 0;
    for (let i = Math.min(from, to); i <= Math.max(from, to); i++) {
      picked.add(p.entries[i]!.path);
    }
    p.onSelection({ picked, anchor: p.entries[from]?.path ?? path, active: path });
  };

  const key = (e: KeyboardEvent) => {
    if (e.target !== grid.current) {
      return; // of a button in the head, or a field
    }
    const last = p.entries.length - 1;
    const page = Math.max(1, Math.floor((grid.current!.clientHeight - headHeight()) / rowHeight) - 1);
    const command = e.ctrlKey || e.metaKey;
    const to = (i: number) => {
      const path = p.entries[Math.max(0, Math.min(last, i))]?.path;
      if (path !== undefined) {
        select(path, e.shiftKey ? (command ? "rangeMore" : "range") : command ? "focus" : "only");
      }
    };
    const entry = p.entries[active];
    if (e.key.length > 1) {
      typed.current.text = ""; // going by another key begins a new word
    }
    if (e.altKey && e.key !== "Enter") {
      p.onKey(e);
      return;
    }
    if (e.key === "ArrowDown") {
      to(chosen + 1);
    } else if (e.key === "ArrowUp") {
      to(chosen < 0 ? last : chosen - 1);
    } else if (e.key === "PageDown") {
      to(active + page);
    } else if (e.key === "PageUp") {
      to(active - page);
    } else if (e.key === "Home") {
      to(0);
    } else if (e.key === "End") {
      to(last);
    } else if (e.key === " " && entry) {
      select(entry.path, e.shiftKey ? "range" : "toggle");
    } else if (e.key === "Enter" && entry && !e.altKey) {
      p.onOpen(entry);
    } else if (command && e.key.toLowerCase() === "a") {
      p.onSelection({ picked: new Set(p.entries.map((x) => x.path)), anchor: p.entries[0]?.path ?? "", active: p.selection.active || (p.entries[0]?.path ?? "") });
    } else if (e.key === "ContextMenu" || (e.shiftKey && e.key === "F10")) {
      const row = entry && document.getElementById(rowID(entry));
      const box = (row ?? grid.current!).getBoundingClientRect();
      if (entry && !p.selection.picked.has(entry.path)) {
        select(entry.path, "only");
      }
      p.onMenu(box.left + 48, Math.min(box.bottom, innerHeight - 40));
    } else if (!command && e.key.length === 1 && !"/?".includes(e.key)) {
      jump(e.key);
    } else {
      p.onKey(e);
      return;
    }
    e.preventDefault();
  };

  // Letters lead to the next name that begins with them; the same letter again goes on among those.
  const jump = (letter: string) => {
    const now = performance.now();
    const again = now - typed.current.at < 900;
    const text = (again ? typed.current.text : "") + letter.toLowerCase();
    typed.current = { text, at: now };
    const same = [...text].every((c) => c === text[0]);
    const wanted = same ? text[0]! : text;
    const from = same ? active + 1 : Math.max(0, active);
    for (let i = 0; i < p.entries.length; i++) {
      const e = p.entries[(from + i) % p.entries.length]!;
      if (e.name.toLowerCase().startsWith(wanted)) {
        select(e.path, "only");
        return;
      }
    }
  };

  // What was pressed long by a finger is picked; a tap opens, or picks more once something is.
  const press = useRef<{ timer: ReturnType<typeof setTimeout>; done: boolean } | null>(null);
  const touched = useRef(false);
  const pointerDown = (e: PointerEvent, entry: Entry) => {
    touched.current = e.pointerType === "touch";
    if (!touched.current) {
      return;
    }
    const state = { timer: setTimeout(() => {
      state.done = true;
      select(entry.path, "toggle");
    }, 500), done: false };
    press.current = state;
  };
  const pointerEnd = () => clearTimeout(press.current?.timer);

  const click = (e: MouseEvent, entry: Entry) => {
    const onName = (e.target as Element).closest("a") !== null;
    if (press.current?.done) {
      press.current = null;
      e.preventDefault();
      return;
    }
    if ((e.target as Element).closest("input, button")) {
      return;
    }
    if (touched.current) {
      e.preventDefault();
      if (p.selection.picked.size > 0) {
        select(entry.path, "toggle");
      } else {
        p.onOpen(entry);
      }
      return;
    }
    const command = e.ctrlKey || e.metaKey;
    if (onName && !command && !e.shiftKey) {
      select(entry.path, "only");
      return; // the link leads on
    }
    e.preventDefault();
    select(entry.path, e.shiftKey ? (command ? "rangeMore" : "range") : command ? "toggle" : "only");
    grid.current?.focus({ preventScroll: true });
  };

  const from = Math.max(0, first - overscan);
  const to = Math.min(p.entries.length, first + Math.ceil(height / rowHeight) + overscan + step);
  const rows: number[] = [];
  for (let i = from; i < to; i++) {
    rows.push(i);
  }
  if (active >= 0 && (active < from || active >= to)) {
    rows.push(active);
  }
  const all = p.entries.length > 0 && p.selection.picked.size === p.entries.length;
  const heads: { id: SortBy | "where"; head: string }[] = [
    { id: "name", head: t("files.columns.name") },
    ...p.columns.map((id) => ({ id: id as SortBy | "where", head: t(`files.columns.${id}`) })),
  ];

  return (
    <div
      ref={grid}
      class={`grid columns-${p.columns.length}`}
      role="grid"
      tabIndex={0}
      aria-label={p.label}
      aria-multiselectable="true"
      aria-rowcount={p.entries.length + 1}
      aria-activedescendant={active >= 0 ? rowID(p.entries[active]!) : undefined}
      aria-busy={p.busy || undefined}
      onKeyDown={key}
      onPaste={p.onPaste}
      onScroll={scrolled}
      onContextMenu={(e) => {
        if (e.target === grid.current || (e.target as Element).classList.contains("grid-rows")) {
          e.preventDefault();
          p.onSelection({ ...p.selection, picked: new Set() });
          p.onMenu(e.clientX, e.clientY);
        }
      }}
      onClick={(e) => {
        if (e.target === grid.current || (e.target as Element).classList.contains("grid-rows")) {
          p.onSelection({ ...p.selection, picked: new Set() });
        }
      }}
    >
      <div role="rowgroup" class="grid-head" ref={head}>
        <div role="row" aria-rowindex={1} class="grid-row">
          <div role="columnheader" class="cell-check">
            <span class="unseen">{t("files.columns.check")}</span>
            <input
              type="checkbox"
              tabIndex={-1}
              aria-label={t("files.selectAll")}
              checked={all}
              disabled={p.entries.length === 0}
              onChange={(e) => {
                p.onSelection({ ...p.selection, picked: new Set(e.currentTarget.checked ? p.entries.map((x) => x.path) : []) });
                grid.current?.focus({ preventScroll: true });
              }}
            />
          </div>
          {heads.map(({ id, head }) => {
            const sorted = p.order?.by === id;
            return (
              <div key={id} role="columnheader" class={`cell-${id}`} aria-sort={sorted ? (p.order!.down ? "descending" : "ascending") : undefined}>
                {p.order && id !== "where" ? (
                  <button type="button" class="sort" onClick={() => p.onOrder({ by: id, down: sorted ? !p.order!.down : id !== "name" && id !== "kind" })}>
                    {head}
                    <span class={sorted ? (p.order.down ? "sort-mark down" : "sort-mark up") : "sort-mark"}><Icon name="down" /></span>
                  </button>
                ) : (
                  head
                )}
              </div>
            );
          })}
          <div role="columnheader" class="cell-more"><span class="unseen">{t("files.columns.more")}</span></div>
        </div>
      </div>
      <div role="rowgroup" class="grid-rows" style={{ blockSize: `${p.entries.length * rowHeight}px` }}>
        {rows.map((i) => {
          const e = p.entries[i]!;
          const picked = p.selection.picked.has(e.path);
          return (
            <Row
              key={e.path}
              p={p}
              entry={e}
              index={i}
              top={i * rowHeight}
              height={rowHeight}
              picked={picked}
              active={i === active}
              onClick={(x) => click(x, e)}
              onPointerDown={(x) => pointerDown(x, e)}
              onPointerEnd={pointerEnd}
              onMenu={(x, y) => {
                if (!picked) {
                  select(e.path, "only");
                } else {
                  select(e.path, "focus");
                }
                p.onMenu(x, y);
              }}
              onCheck={(range) => {
                select(e.path, range ? "rangeMore" : "toggle");
                grid.current?.focus({ preventScroll: true });
              }}
              touching={() => touched.current}
            />
          );
        })}
      </div>
    </div>
  );
}

let ids = 0;
const rowIDs = new WeakMap<Entry, string>();
function rowID(e: Entry): string {
  let id = rowIDs.get(e);
  if (id === undefined) {
    id = `entry-${++ids}`;
    rowIDs.set(e, id);
  }
  return id;
}

type RowProps = {
  p: Props;
  entry: Entry;
  index: number;
  top: number;
  height: number;
  picked: boolean;
  active: boolean;
  onClick: (e: MouseEvent) => void;
  onPointerDown: (e: PointerEvent) => void;
  onPointerEnd: () => void;
  onMenu: (x: number, y: number) => void;
  onCheck: (range: boolean) => void;
  touching: () => boolean;
};

function Row({ p, entry: e, index, top, height, picked, active, onClick, onPointerDown, onPointerEnd, onMenu, onCheck, touching }: RowProps) {
  const [over, setOver] = useState(false);
  const name = visible(e.name);
  const lock = e.locked ? p.lockOf(e) : undefined;
  const renaming = p.renaming === e.path;
  const target: HTMLAttributes<HTMLDivElement> = e.dir
    ? {
        onDragOver: (x: DragEvent) => {
          if (p.drag.over(e.path, x)) {
            setOver(true);
          }
        },
        onDragLeave: () => setOver(false),
        onDrop: (x: DragEvent) => {
          setOver(false);
          p.drag.drop(e.path, x);
        },
      }
    : {};
  const lockWords = e.locked ? (lock ? t("files.lockedBy", { user: visible(lock.user), since: date(lock.since) }) : t("files.locked")) : "";
  return (
    <div
      id={rowID(e)}
      role="row"
      aria-rowindex={index + 2}
      aria-selected={picked}
      class={`grid-row${picked ? " picked" : ""}${active ? " active" : ""}${over ? " over" : ""}${p.cut.has(e.path) ? " cut" : ""}`}
      style={{ transform: `translateY(${top}px)`, blockSize: `${height}px` }}
      draggable={!renaming}
      onDragStart={(x) => {
        if (!p.drag.start(x, e)) {
          x.preventDefault();
        } else if (!picked) {
          p.onSelection({ picked: new Set([e.path]), anchor: e.path, active: e.path });
        }
      }}
      {...target}
      onClick={onClick}
      onDblClick={(x) => {
        if (!renaming && !(x.target as Element).closest("a, input, button")) {
          p.onOpen(e);
        }
      }}
      onPointerDown={onPointerDown}
      onPointerUp={onPointerEnd}
      onPointerMove={(x) => {
        if (x.pointerType === "touch" && Math.abs(x.movementX) + Math.abs(x.movementY) > 3) {
          onPointerEnd();
        }
      }}
      onPointerCancel={onPointerEnd}
      onContextMenu={(x) => {
        if (renaming) {
          return;
        }
        x.preventDefault();
        if (!touching()) {
          onMenu(x.clientX, x.clientY);
        }
      }}
    >
      <div role="gridcell" class="cell-check">
        <input type="checkbox" tabIndex={-1} aria-label={t("files.select", { name })} checked={picked} onClick={(x) => { x.stopPropagation(); onCheck(x.shiftKey); }} />
      </div>
      <div role="gridcell" class="cell-name">
        <span class={e.dir ? "entry-icon directory" : "entry-icon"}><Icon name={iconOf(e)} /></span>
        {renaming ? (
          p.rename(e)
        ) : (
          <span class="entry-words">
            <span class="entry-line">
              <a class="entry-link" tabIndex={-1} href={p.hrefOf(e)} title={name}><Name text={e.name} /></a>
              {e.locked && <span class="entry-lock" title={lockWords}><Icon name="lock" /><span class="unseen">{lockWords}</span></span>}
            </span>
            <span class="entry-sub" aria-hidden="true">
              {[sizeWords(e), p.columns.includes("deleted") ? date(e.trashed?.at) : date(e.modified)].filter((w) => w !== "").join(" · ")}
              {p.columns.includes("where") && <> · <Name text={parentOf(p.columns.includes("deleted") ? origin(e) : e.path) || t("files.top")} /></>}
            </span>
          </span>
        )}
      </div>
      {p.columns.map((id) => (
        <div key={id} role="gridcell" class={`cell-${id}`}>
          {id === "size" ? sizeWords(e)
            : id === "modified" ? <time dateTime={new Date(e.modified).toISOString()} title={dateLong(e.modified)}>{date(e.modified)}</time>
            : id === "kind" ? kindWords(e)
            : id === "deleted" ? (e.trashed ? <time dateTime={new Date(e.trashed.at).toISOString()} title={dateLong(e.trashed.at)}>{date(e.trashed.at)}</time> : t("files.trash.unknown"))
            : p.columns.includes("deleted") && !e.trashed ? t("files.trash.unknown")
            : <Name text={parentOf(p.columns.includes("deleted") ? origin(e) : e.path) || t("files.top")} />}
        </div>
      ))}
      <div role="gridcell" class="cell-more">
        <IconButton
          icon="dots"
          label={t("files.moreOf", { name })}
          tabIndex={-1}
          onClick={(x) => {
            x.stopPropagation();
            const box = x.currentTarget.getBoundingClientRect();
            onMenu(box.left, box.bottom + 2);
          }}
        />
      </div>
    </div>
  );
}

/** Where an entry of the trash was, in the folder. */
const origin = (e: Entry): string => (e.trashed ? e.trashed.origin.split("/").slice(2).join("/") : "");
