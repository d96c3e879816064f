// Tables of rows that are alike, sortable by their heads. At 360 px each row becomes a block with its heads beside the values.
import type { ComponentChildren } from "preact";
import { Icon } from "./icon.tsx";

export type Column<Row> = {
  id: string;
  /** The head's text; screen readers get it also if the head is not shown. */
  head: string;
  hideHead?: boolean;
  /** Numbers and dates stand at the end of their cells. */
  end?: boolean;
  sortable?: boolean;
  cell: (row: Row) => ComponentChildren;
};

export type Sort = { by: string; down: boolean };

type Props<Row> = {
  /** The table's name. */
  caption: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row) => string;
  sort?: Sort;
  /** Is asked for another order; the caller sorts. */
  onSort?: (sort: Sort) => void;
  /** Opens the menu of a row that was clicked with the other button; the row should have a button for it too. */
  onRowMenu?: (row: Row, e: MouseEvent) => void;
};

export function Table<Row>({ caption, columns, rows, rowKey, sort, onSort, onRowMenu }: Props<Row>) {
  return (
    <table class="table">
      <caption class="unseen">{caption}</caption>
      <thead>
        <tr>
          {columns.map((c) => {
            const sorted = sort?.by === c.id;
            return (
              <th key={c.id} scope="col" class={c.end ? "end" : undefined} aria-sort={sorted ? (sort.down ? "descending" : "ascending") : undefined}>
                {c.sortable && onSort ? (
                  <button type="button" class="sort" onClick={() => onSort({ by: c.id, down: sorted && !sort.down })}>
                    {c.head}
                    <span class={sorted ? (sort.down ? "sort-mark down" : "sort-mark up") : "sort-mark"}><Icon name="down" /></span>
                  </button>
                ) : (
                  <span class={c.hideHead ? "unseen" : undefined}>{c.head}</span>
                )}
              </th>
            );
          })}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr
            key={rowKey(row)}
            onContextMenu={
              onRowMenu &&
              ((e) => {
                // Links and selected text keep the browser's own menu.
                if (!e.shiftKey && !(e.target as Element).closest("a, input, select") && getSelection()?.isCollapsed !== false) {
                  e.preventDefault();
                  onRowMenu(row, e);
                }
              })
            }
          >
            {columns.map((c) => (
              <td key={c.id} class={[c.end ? "end" : "", c.hideHead ? "bare" : ""].join(" ").trim() || undefined} data-head={c.hideHead ? undefined : c.head}>{c.cell(row)}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
