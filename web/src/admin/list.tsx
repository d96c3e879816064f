// What lists have in common: the place's query, and the rows with how many they are.
import type { ComponentChildren } from "preact";
import { Pager, type Pages } from "../ui/pages.tsx";
import { go, href, route } from "../route.ts";
import { Loaded } from "../ui/feedback.tsx";

/** The values of a place's query, and a function that changes some of them without a new entry in the history. */
export function useQuery(): [get: (name: string) => string, set: (values: { [name: string]: string }) => void] {
  const query = route.value.query;
  return [
    (name) => query.get(name) ?? "",
    (values) => go(href(route.value.path, { ...Object.fromEntries(route.value.query), ...values }), true),
  ];
}

type Props<T> = {
  pages: Pages<T>;
  label: string;
  /** How many are shown, in words. */
  shown: (n: number) => string;
  /** What stands there if there is nothing. */
  empty: ComponentChildren;
  children: (rows: readonly T[]) => ComponentChildren;
};

/** A page of a list with the way to the others. */
export function Paged<T>({ pages, label, shown, empty, children }: Props<T>) {
  return (
    <div class="watch-list" aria-busy={pages.busy}>
      <Loaded of={pages}>
        {(page) =>
          page.items.length === 0 && pages.number === 1 && page.next === null ? (
            empty
          ) : (
            <>
              {children(page.items)}
              <div class="watch-pager">
                <p class="quiet">{shown(page.items.length)}</p>
                <Pager pages={pages} label={label} />
              </div>
            </>
          )
        }
      </Loaded>
    </div>
  );
}
