// Tables of text: CSV and TSV (RFC 4180, with the separators that spreadsheets use).
import { useState } from "preact/hooks";
import { count, visible } from "../format.ts";
import { t } from "../text.ts";
import { Button } from "../ui/button.tsx";
import { Alert } from "../ui/feedback.tsx";
import { extension } from "./kind.ts";
import { nameOf, type Place } from "./place.ts";

/** The cells of a text. A quote that is not closed ends with it. */
export function parse(text: string, separator: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let at = 0;
  while (at < text.length) {
    let cell = "";
    if (text[at] === '"') {
      for (at++; at < text.length; at++) {
        if (text[at] === '"') {
          if (text[at + 1] !== '"') {
            break;
          }
          at++;
        }
        cell += text[at];
      }
      at++;
    }
    const end = at;
    while (at < text.length && text[at] !== separator && text[at] !== "\n" && text[at] !== "\r") {
      at++;
    }
    row.push(cell + text.slice(end, at));
    if (text[at] === separator) {
      at++;
      if (at === text.length) {
        row.push("");
      }
      continue;
    }
    at += text[at] === "\r" && text[at + 1] === "\n" ? 2 : 1;
    rows.push(row);
    row = [];
  }
  if (row.length > 0) {
    rows.push(row);
  }
  return rows;
}

// The separator that stands most often in the first line, outside quotes.
function separatorOf(text: string, name: string): string {
  if (extension(name) === "tsv") {
    return "\t";
  }
  const first = (/^[^\r\n]*/.exec(text)?.[0] ?? "").replace(/"[^"]*"/g, "");
  return [",", ";", "\t", "|"].reduce((best, s) => (first.split(s).length > first.split(best).length ? s : best));
}

// A table is drawn whole: what is wide gets fewer rows at a time.
const most = 200;
const step = (columns: number): number => Math.max(20, Math.min(500, Math.floor(20_000 / Math.max(1, columns))));

// lines keeps the line breaks of a cell, and nothing else that is not seen.
export const lines = (cell: string): string => cell.split(/\r\n|\r|\n/).map(visible).join("\n");

export function CSV({ place, text }: { place: Place; text: string }) {
  const [rows] = useState(() => parse(text, separatorOf(text, nameOf(place))));
  const [head = [], ...body] = rows;
  const [all] = useState(() => rows.reduce((n, r) => Math.max(n, r.length), 0));
  const columns = Math.min(most, all);
  const [shown, setShown] = useState(() => step(columns));
  const width = Array.from({ length: columns }, (_, i) => i);
  return (
    <>
      {all > most && <Alert kind="warning">{t("preview.table.columns", { most, n: all })}</Alert>}
      <div class="preview-table" role="region" aria-label={t("preview.table.label", { name: visible(nameOf(place)) })} tabIndex={0} data-keys>
        <table>
          <thead>
            <tr>
              <td class="number" />
              {width.map((c) => (head[c] ? <th key={c} scope="col" dir="auto">{visible(head[c])}</th> : <td key={c} />))}
            </tr>
          </thead>
          <tbody>
            {body.slice(0, shown).map((r, i) => (
              <tr key={i}>
                <td class="number">{i + 1}</td>
                {width.map((c) => <td key={c} dir="auto">{lines(r[c] ?? "")}</td>)}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <div class="toolbar" role="status">
        <span>{shown < body.length ? t("preview.table.part", { there: count(shown), n: body.length }) : t("preview.table.rows", { n: body.length })}</span>
        {shown < body.length && <Button onClick={() => setShown(shown + step(columns))}>{t("preview.text.more")}</Button>}
      </div>
    </>
  );
}
