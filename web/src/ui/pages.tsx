// Long lists, a page at a time: the server gives each page with what the next one begins behind, so the way back is
// remembered here. The rows that are shown stay while others are read.
import { useEffect, useRef, useState } from "preact/hooks";
import { get } from "../api.ts";
import { useLoad, type Loading } from "../load.ts";
import type { PageOf } from "../model.ts";
import { t } from "../text.ts";
import { Button } from "../ui/button.tsx";

export type Pages<T> = Loading<PageOf<T>> & { number: number; back: (() => void) | undefined; on: (() => void) | undefined };

/** The list at path; another query begins at its first page. */
export function usePages<T>(path: string, query: { [name: string]: string | undefined }, size = 50): Pages<T> {
  const key = path + JSON.stringify(query);
  const [at, setAt] = useState<{ key: string; cursors: readonly string[] }>({ key, cursors: [""] });
  const cursors = at.key === key ? at.cursors : [""];
  const cursor = cursors.at(-1) ?? "";
  const list = useLoad((signal) => get<PageOf<T>>(path, { ...query, itemsPerPage: size, next: cursor || undefined }, signal), [key, cursor]);
  const shown = useRef<{ path: string; value: PageOf<T> } | undefined>(undefined);
  if (list.value) {
    shown.current = { path, value: list.value };
  }
  const next = list.value?.next;
  return {
    ...list,
    value: list.value ?? (list.error === undefined && shown.current?.path === path ? shown.current.value : undefined),
    number: cursors.length,
    back: cursors.length > 1 ? () => setAt({ key, cursors: cursors.slice(0, -1) }) : undefined,
    on: next ? () => setAt({ key, cursors: [...cursors, next] }) : undefined,
  };
}

/** The way to the pages before and behind. It is absent if there is one page only; its buttons keep the focus at the ends. */
export function Pager<T>({ pages, label }: { pages: Pages<T>; label: string }) {
  useEffect(() => {
    if (pages.value && (document.activeElement === null || document.activeElement === document.body)) {
      // The row that had the focus is gone: it goes to where the list begins.
      const dialog = document.querySelector("dialog[open]:last-of-type");
      (dialog ? dialog.querySelector<HTMLElement>("select, button") : document.querySelector<HTMLElement>("main h1"))?.focus({ preventScroll: true });
    }
  }, [pages.value]);
  const way = (text: string, to: (() => void) | undefined) => (
    <Button aria-disabled={to ? undefined : true} onClick={() => to?.()}>{text}</Button>
  );
  const one = pages.number === 1 && !pages.value?.next;
  return (
    <>
      <p class="unseen" role="status">{pages.busy || !pages.value ? "" : t("pages.status", { page: pages.number, n: pages.value.items.length })}</p>
      {!one && (
        <nav class="pager" aria-label={label}>
          {way(t("pages.back"), pages.back)}
          <span>{t("pages.page", { page: pages.number })}</span>
          {way(t("pages.on"), pages.on)}
        </nav>
      )}
    </>
  );
}
