// Jupyter notebooks (nbformat 4): text cells as documents, code, and of outputs what is text or a picture. Nothing in them
// runs, and HTML is not shown: most such outputs have a plain text beside it.
import { useEffect, useMemo, useState } from "preact/hooks";
import { request } from "../api.ts";
import { bytes, visible } from "../format.ts";
import { useLoad } from "../load.ts";
import { t } from "../text.ts";
import { Button } from "../ui/button.tsx";
import { Alert, Loaded } from "../ui/feedback.tsx";
import { notWide } from "./image.tsx";
import { Markdown } from "./markdown.tsx";
import { davOf, nameOf, type Place } from "./place.ts";
import { lines } from "./table.tsx";
import { TextView } from "./text.tsx";

/** Larger ones are shown as text: pictures are in them, so they are large, but all of it is read at once. */
const most = 24 << 20;
/** Cells at a time, outputs of one cell, and characters of one output. */
const step = 100;
const mostOutputs = 50;
const mostText = 50_000;

type Output = { kind: "text" | "error" | "markdown"; text: string } | { kind: "picture"; type: string; base64: string } | { kind: "none" };
type Cell = { text: boolean; source: string; number: string; outputs: Output[] };
type Notebook = { language: string; cells: Cell[] };

/** Text is one string or several, one after the other. */
const joined = (x: unknown): string => (Array.isArray(x) ? x.filter((s) => typeof s === "string").join("") : typeof x === "string" ? x : "");
const record = (x: unknown): { [key: string]: unknown } => (typeof x === "object" && x !== null ? (x as { [key: string]: unknown }) : {});
const list = (x: unknown): unknown[] => (Array.isArray(x) ? x : []);

function outputOf(x: unknown): Output {
  const o = record(x);
  if (o["output_type"] === "stream") {
    return { kind: "text", text: joined(o["text"]) };
  }
  if (o["output_type"] === "error") {
    const trace = list(o["traceback"]).filter((s) => typeof s === "string").join("\n");
    return { kind: "error", text: trace || `${joined(o["ename"])}: ${joined(o["evalue"])}` };
  }
  const data = record(o["data"]);
  const type = ["image/png", "image/jpeg", "image/gif", "image/webp"].find((type) => type in data);
  if (type) {
    return { kind: "picture", type, base64: joined(data[type]).replace(/\s/g, "") };
  }
  if ("text/markdown" in data) {
    return { kind: "markdown", text: joined(data["text/markdown"]) };
  }
  return "text/plain" in data ? { kind: "text", text: joined(data["text/plain"]) } : { kind: "none" };
}

/** What is in a notebook, or undefined if it is none of format 4. */
function parse(text: string): Notebook | undefined {
  let all: { [key: string]: unknown };
  try {
    all = record(JSON.parse(text));
  } catch {
    return undefined;
  }
  if (!Array.isArray(all["cells"])) {
    return undefined;
  }
  const metadata = record(all["metadata"]);
  return {
    language: (joined(record(metadata["language_info"])["name"]) || joined(record(metadata["kernelspec"])["language"])).replace(/^./, (c) => c.toUpperCase()),
    cells: all["cells"].map(record).map((c) => ({
      text: c["cell_type"] === "markdown", source: joined(c["source"]),
      number: c["cell_type"] === "code" ? `[${typeof c["execution_count"] === "number" ? c["execution_count"] : " "}]` : "",
      outputs: list(c["outputs"]).slice(0, mostOutputs).map(outputOf),
    })),
  };
}

export function NotebookView({ place, size }: { place: Place; size: number }) {
  const [source, setSource] = useState(size > most);
  const read = useLoad(async (signal) => {
    return size > most ? {} : { book: parse(await (await request("GET", davOf(place), { headers: { Accept: "*/*" }, signal })).text()) };
  }, [davOf(place)]);
  return (
    <Loaded of={read}>
      {({ book }) =>
        !book ? (
          <>
            <Alert>{size > most ? t("preview.text.tooBig", { size: bytes(most) }) : t("preview.notebook.invalid")}</Alert>
            <TextView place={place} size={size} />
          </>
        ) : (
          <>
            <div class="toolbar">
              <Button aria-pressed={!source} onClick={() => setSource(false)}>{t("preview.text.rendered")}</Button>
              <Button aria-pressed={source} onClick={() => setSource(true)}>{t("preview.text.source")}</Button>
              <span class="quiet">{book.language ? t("preview.notebook.countOf", { n: book.cells.length, language: visible(book.language.slice(0, 40)) }) : t("preview.notebook.count", { n: book.cells.length })}</span>
            </div>
            {source ? <TextView place={place} size={size} /> : <Cells place={place} cells={book.cells} />}
          </>
        )
      }
    </Loaded>
  );
}

function Cells({ place, cells }: { place: Place; cells: readonly Cell[] }) {
  const [shown, setShown] = useState(step);
  return (
    <>
      <article class="notebook" aria-label={t("preview.notebook.label", { name: visible(nameOf(place)) })}>
        {cells.slice(0, shown).map((c, i) =>
          c.text ? (
            <Markdown key={i} place={place} text={c.source} label={t("preview.notebook.text", { n: i + 1 })} />
          ) : (
            <div key={i} class="notebook-code">
              <span class="notebook-number">{c.number}</span>
              <Text class="notebook-source" label={t("preview.notebook.code", { n: i + 1 })} text={c.source} />
              {c.outputs.map((o, j) => <Shown key={j} place={place} n={i + 1} output={o} />)}
            </div>
          ),
        )}
      </article>
      {shown < cells.length && <div class="toolbar"><Button onClick={() => setShown(shown + step)}>{t("preview.notebook.more")}</Button></div>}
    </>
  );
}

function Shown({ place, n, output: o }: { place: Place; n: number; output: Output }) {
  if (o.kind === "picture") {
    return <Picture output={o} label={t("preview.notebook.picture", { n })} />;
  }
  if (o.kind === "none") {
    return <p class="quiet">{t("preview.notebook.notShown")}</p>;
  }
  if (o.kind === "markdown") {
    return <Markdown place={place} text={o.text} label={t("preview.notebook.output", { n })} />;
  }
  return <Text {...(o.kind === "error" && { class: "notebook-error" })} label={t(o.kind === "error" ? "preview.notebook.error" : "preview.notebook.output", { n })} text={o.text} />;
}

// Text as it is, without the escapes that colour it in terminals.
function Text({ label, text, ...rest }: { label: string; text: string; class?: string }) {
  const shown = useMemo(() => lines(text.slice(0, mostText).replace(/\u001b\[[\d;]*[A-Za-z]/g, "")), [text]);
  return (
    <div>
      <pre {...rest} tabIndex={0} role="group" aria-label={label}><code>{shown}</code></pre>
      {text.length > mostText && <p class="quiet">{t("preview.notebook.cut", { size: bytes(mostText) })}</p>}
    </div>
  );
}

function Picture({ output: o, label }: { output: Extract<Output, { kind: "picture" }>; label: string }) {
  const [url, setURL] = useState("");
  const [bad, setBad] = useState(false);
  useEffect(() => {
    let gone = false;
    let made = "";
    (async () => notWide(new Blob([Uint8Array.from(atob(o.base64), (c) => c.charCodeAt(0))], { type: o.type })))().then(
      (blob) => {
        if (gone || !(blob instanceof Blob)) {
          setBad(!gone);
          return;
        }
        made = URL.createObjectURL(blob);
        setURL(made);
      },
      () => setBad(!gone),
    );
    return () => {
      gone = true;
      URL.revokeObjectURL(made);
    };
  }, [o]);
  return bad ? <p class="quiet">{t("preview.notebook.pictureNot")}</p> : url ? <div><img src={url} alt={label} onError={() => setBad(true)} /></div> : null;
}
