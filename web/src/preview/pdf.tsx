// PDF by pdf.js: read in ranges as pages are looked at, drawn by a worker of our own assets without eval and WebAssembly,
// scripts and forms in files left alone. Text can be selected and found.
import { getDocument, PasswordResponses, PDFDataRangeTransport, PDFWorker, TextLayer, type PDFDocumentProxy, type PDFPageProxy } from "pdfjs-dist/legacy/build/pdf.mjs";
import { useEffect, useRef, useState } from "preact/hooks";
import { aborted, messageOf, Problem, request } from "../api.ts";
import { visible } from "../format.ts";
import { t } from "../text.ts";
import { startWorker } from "../trusted.ts";
import { IconButton } from "../ui/button.tsx";
import { FormDialog, openDialog } from "../ui/dialog.tsx";
import { Alert, Progress } from "../ui/feedback.tsx";
import { Field } from "../ui/form.tsx";
import { davOf, nameOf, type Place } from "./place.ts";

const chunk = 256 << 10;

// Ranges fetches parts of one version of the file, with the session's token as it is at that time.
class Ranges extends PDFDataRangeTransport {
  private readonly stop = new AbortController();
  private etag = "";
  constructor(private readonly place: Place, size: number, private readonly failed: (e: unknown) => void) {
    super(size, null);
  }
  override requestDataRange(begin: number, end: number): void {
    void this.fetch(begin, end);
  }
  private async fetch(begin: number, end: number): Promise<void> {
    try {
      const res = await request("GET", davOf(this.place), {
        headers: { Accept: "*/*", Range: `bytes=${begin}-${end - 1}`, ...(this.etag && { "If-Match": this.etag }) }, signal: this.stop.signal,
      });
      this.etag ||= res.headers.get("ETag") ?? "";
      this.onDataRange(begin, new Uint8Array(await res.arrayBuffer()));
    } catch (e) {
      if (!aborted(e)) {
        this.failed(e);
      }
    }
  }
  override abort(): void {
    this.stop.abort();
  }
}

// askPassword resolves to undefined if nobody gives one.
function askPassword(wrong: boolean): Promise<string | undefined> {
  return new Promise((resolve) => {
    openDialog((close) => (
      <FormDialog
        title={t("preview.pdf.locked")}
        action={t("preview.pdf.open")}
        onSubmit={(form) => resolve(String(form.get("password") ?? ""))}
        onClose={() => {
          resolve(undefined);
          close();
        }}
      >
        <Field label={t("preview.pdf.password")} name="password" type="password" autofocus required error={wrong ? t("preview.pdf.wrong") : undefined} />
      </FormDialog>
    ));
  });
}

export function PDFView({ place, size }: { place: Place; size: number }) {
  const [pdf, setPDF] = useState<PDFDocumentProxy>();
  const [error, setError] = useState("");
  useEffect(() => {
    let gone = false;
    const fail = (e: unknown) => {
      if (!gone) {
        setError(e instanceof Problem ? (e.status === 412 ? t("preview.changedMeanwhile") : messageOf(e)) : t("preview.pdf.broken"));
      }
    };
    const port = startWorker(PDF_WORKER);
    const worker = PDFWorker.create({ port });
    const range = new Ranges(place, size, fail);
    const task = getDocument({
      range, worker, length: size, rangeChunkSize: chunk, disableAutoFetch: true, disableStream: true, isEvalSupported: false, useWasm: false, enableXfa: false,
      cMapUrl: PDF_DATA, cMapPacked: true, standardFontDataUrl: PDF_DATA, wasmUrl: PDF_DATA, useWorkerFetch: true, stopAtErrors: false, maxImageSize: 1 << 27, verbosity: 0,
    });
    task.onPassword = (give: (password: string | Error) => void, reason: number) => {
      void askPassword(reason === PasswordResponses.INCORRECT_PASSWORD).then((password) => give(password ?? new Error("no password")));
    };
    task.promise.then((made) => (gone ? undefined : setPDF(made)), fail);
    return () => {
      gone = true;
      range.abort();
      void task.destroy().finally(() => {
        worker.destroy();
        port.terminate();
      });
    };
  }, []);
  return (
    <>
      {error !== "" && <Alert kind="error">{error}</Alert>}
      {pdf ? <Pages pdf={pdf} name={nameOf(place)} /> : error === "" && <Progress label={t("common.loading")} />}
    </>
  );
}

// What a file says of itself need not be true, and each page has its place in the list before it is looked at.
const mostPages = 5000;

const zooms = [0.5, 0.75, 1, 1.25, 1.5, 2, 3, 4];

function Pages({ pdf, name }: { pdf: PDFDocumentProxy; name: string }) {
  const n = Math.min(pdf.numPages, mostPages);
  const region = useRef<HTMLDivElement>(null);
  const [first, setFirst] = useState<{ width: number; height: number }>();
  const [room, setRoom] = useState(0);
  const [zoom, setZoom] = useState(0); // 0: as wide as there is room
  const [current, setCurrent] = useState(1);
  useEffect(() => {
    pdf.getPage(1).then(
      (p) => {
        const { width, height } = p.getViewport({ scale: 96 / 72 });
        setFirst({ width, height });
      },
      () => setFirst({ width: 794, height: 1123 }), // A4: its sheet says that it can't be drawn
    );
    const watch = new ResizeObserver(() => setRoom(region.current?.clientWidth ?? 0));
    watch.observe(region.current!);
    return () => watch.disconnect();
  }, []);
  const scale = first && room > 0 ? zoom || Math.min(1.5, Math.max(0.2, (room - 24) / first.width)) : 0;
  const to = (page: number) => {
    const wanted = region.current?.querySelector<HTMLElement>(`[data-page="${Math.max(1, Math.min(n, page))}"]`);
    if (wanted && region.current) {
      region.current.scrollTop = wanted.offsetTop - 8;
    }
  };
  // The current page is the one at the middle of what is seen.
  const scrolled = () => {
    const box = region.current;
    if (!box) {
      return;
    }
    const middle = box.scrollTop + box.clientHeight / 2;
    let page = 1;
    for (const el of box.querySelectorAll<HTMLElement>("[data-page]")) {
      if (el.offsetTop <= middle) {
        page = Number(el.dataset["page"]);
      }
    }
    setCurrent(page);
  };
  return (
    <>
      <div class="toolbar">
        <IconButton icon="back" label={t("preview.pdf.previous")} disabled={current <= 1} onClick={() => to(current - 1)} />
        <label class="preview-page">
          <span class="unseen">{t("preview.pdf.page")}</span>
          <input
            type="number"
            min={1}
            max={n}
            value={current}
            onChange={(e) => to(Number(e.currentTarget.value) || 1)}
          />
        </label>
        <span>{t("preview.pdf.of", { n })}</span>
        <IconButton icon="chevron" label={t("preview.pdf.next")} disabled={current >= n} onClick={() => to(current + 1)} />
        <IconButton icon="zoomOut" label={t("preview.zoomOut")} onClick={() => setZoom(zooms.findLast((z) => z < scale * 0.99) ?? zooms[0]!)} />
        <IconButton icon="zoomIn" label={t("preview.zoomIn")} onClick={() => setZoom(zooms.find((z) => z > scale * 1.01) ?? zooms.at(-1)!)} />
        <button type="button" class="button quiet" aria-pressed={zoom === 0} onClick={() => setZoom(0)}>{t("preview.pdf.width")}</button>
        <Find pdf={pdf} region={region} to={to} current={current} />
      </div>
      {pdf.numPages > n && <Alert kind="warning">{t("preview.pdf.many", { n })}</Alert>}
      <p class="unseen" role="status">{t("preview.pdf.status", { at: current, n })}</p>
      <div class="preview-pdf" ref={region} role="region" aria-label={t("preview.pdf.label", { name: visible(name) })} tabIndex={0} data-keys onScroll={scrolled}>
        {scale > 0 && Array.from({ length: n }, (_, i) => <PageOf key={i} pdf={pdf} number={i + 1} scale={scale} usual={first!} region={region} to={to} />)}
      </div>
    </>
  );
}

// PageOf is drawn while it is near what is seen; its canvas goes when it is far away, for a file may have a thousand.
function PageOf({ pdf, number, scale, usual, region, to }: { pdf: PDFDocumentProxy; number: number; scale: number; usual: { width: number; height: number }; region: { current: HTMLDivElement | null }; to: (page: number) => void }) {
  const host = useRef<HTMLDivElement>(null);
  const [near, setNear] = useState(false);
  const [size, setSize] = useState(usual);
  const [broken, setBroken] = useState(false);
  useEffect(() => {
    const watch = new IntersectionObserver((all) => setNear(all.at(-1)!.isIntersecting), { root: region.current, rootMargin: "100% 0px" });
    watch.observe(host.current!);
    return () => watch.disconnect();
  }, []);
  useEffect(() => {
    if (!near) {
      return;
    }
    const stop: (() => void)[] = [];
    let gone = false;
    const draw = async () => {
      const page = await pdf.getPage(number);
      if (gone || !host.current) {
        return;
      }
      const plain = page.getViewport({ scale: 96 / 72 });
      setSize({ width: plain.width, height: plain.height });
      const viewport = page.getViewport({ scale: (scale * 96) / 72 });
      // A canvas of more than 16 million pixels is refused by some browsers.
      const sharp = Math.min(devicePixelRatio, Math.sqrt((16 << 20) / (viewport.width * viewport.height)));
      const canvas = document.createElement("canvas");
      canvas.width = Math.floor(viewport.width * sharp);
      canvas.height = Math.floor(viewport.height * sharp);
      canvas.setAttribute("aria-hidden", "true"); // the text layer is what is read
      const drawing = page.render({ canvas, viewport, transform: sharp === 1 ? null! : [sharp, 0, 0, sharp, 0, 0] });
      stop.push(() => drawing.cancel());
      const words = document.createElement("div");
      words.className = "textLayer";
      const layer = new TextLayer({ textContentSource: page.streamTextContent(), container: words, viewport });
      stop.push(() => layer.cancel());
      await Promise.all([drawing.promise, layer.render()]);
      const all = await links(page, viewport, pdf, to);
      if (!gone) {
        host.current?.replaceChildren(canvas, words, ...all);
      }
    };
    draw().catch((e: unknown) => {
      if (!gone && (e as { name?: string }).name !== "RenderingCancelledException" && !aborted(e)) {
        setBroken(true);
      }
    });
    return () => {
      gone = true;
      stop.forEach((f) => f());
      host.current?.replaceChildren();
    };
  }, [near, scale]);
  return (
    <div class="preview-sheet" data-page={number} style={{ inlineSize: `${size.width * scale}px`, blockSize: `${size.height * scale}px`, "--total-scale-factor": String((scale * 96) / 72) }} role="group" aria-label={t("preview.pdf.status", { at: number, n: pdf.numPages })}>
      <div ref={host} />
      {broken && <Alert kind="error">{t("preview.pdf.brokenPage")}</Alert>}
    </div>
  );
}

type Link = { subtype: string; url?: string; dest?: string | unknown[]; rect: number[] };

// links are those of a page: to addresses that pdf.js has found harmless, in a window of their own, and to other pages.
async function links(page: PDFPageProxy, viewport: { convertToViewportRectangle: (r: number[]) => number[] }, pdf: PDFDocumentProxy, to: (page: number) => void): Promise<HTMLElement[]> {
  const all = (await page.getAnnotations({ intent: "display" })) as Link[];
  return all.flatMap((a) => {
    if (a.subtype !== "Link" || (!a.dest && !/^(https?|mailto):/i.test(a.url ?? ""))) {
      return [];
    }
    const el = document.createElement("a");
    const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = viewport.convertToViewportRectangle(a.rect);
    Object.assign(el.style, { left: `${Math.min(x1, x2)}px`, top: `${Math.min(y1, y2)}px`, width: `${Math.abs(x2 - x1)}px`, height: `${Math.abs(y2 - y1)}px` });
    el.className = "preview-pdflink";
    if (a.dest) {
      const { dest } = a;
      el.href = "#";
      el.ariaLabel = t("preview.pdf.inside");
      el.addEventListener("click", (e) => {
        e.preventDefault();
        void (async () => {
          const where = typeof dest === "string" ? await pdf.getDestination(dest) : dest;
          const ref = where?.[0];
          to(typeof ref === "number" ? ref + 1 : (await pdf.getPageIndex(ref as never)) + 1);
        })().catch(() => {}); // it leads nowhere
      });
    } else {
      el.href = a.url!;
      el.target = "_blank";
      el.rel = "noopener noreferrer";
      el.ariaLabel = visible(a.url!);
      el.title = visible(a.url!);
    }
    return [el];
  });
}

// Find looks for text in all pages, also in those that are not drawn.
function Find({ pdf, region, to, current }: { pdf: PDFDocumentProxy; region: { current: HTMLDivElement | null }; to: (page: number) => void; current: number }) {
  const [result, setResult] = useState("");
  const last = useRef<{ words: string; page: number }>({ words: "", page: 0 });
  const run = useRef(0);
  useEffect(() => () => mark(undefined, ""), []);
  const find = async (words: string) => {
    const mine = ++run.current;
    const wanted = fold(words);
    if (wanted === "") {
      setResult("");
      mark(undefined, "");
      return;
    }
    const from = last.current.words === wanted ? last.current.page : current - 1;
    const n = Math.min(pdf.numPages, mostPages);
    for (let i = 0; i < n; i++) {
      const number = ((from + i) % n) + 1;
      const content = await (await pdf.getPage(number)).getTextContent();
      if (mine !== run.current) {
        return;
      }
      if (fold(content.items.map((item) => ("str" in item ? item.str + (item.hasEOL ? " " : "") : "")).join("")).includes(wanted)) {
        last.current = { words: wanted, page: number };
        to(number);
        setResult(t("preview.pdf.found", { at: number }));
        mark(region.current ?? undefined, wanted);
        return;
      }
    }
    setResult(t("preview.pdf.notFound"));
    mark(undefined, "");
  };
  return (
    <form
      class="preview-find"
      role="search"
      onSubmit={(e) => {
        e.preventDefault();
        void find(String(new FormData(e.currentTarget).get("words") ?? ""));
      }}
    >
      <input type="search" name="words" aria-label={t("preview.find.field")} placeholder={t("preview.find.field")} autocomplete="off" />
      <IconButton type="submit" icon="search" label={t("preview.find.next")} />
      <span class="quiet" role="status">{result}</span>
    </form>
  );
}

const fold = (text: string) => text.normalize("NFKC").toLowerCase().replace(/\s+/g, " ").trim();

let marking: MutationObserver | undefined;

// mark colours what was found, in the pages that are drawn and in those that come to be.
function mark(region: HTMLElement | undefined, words: string): void {
  marking?.disconnect();
  marking = undefined;
  if (!("highlights" in CSS)) {
    return; // older browsers go to the page only
  }
  const paint = () => {
    const ranges: Range[] = [];
    for (const span of region?.querySelectorAll(".textLayer span") ?? []) {
      const text = span.firstChild;
      for (let at = -1; text instanceof Text && (at = text.data.toLowerCase().indexOf(words, at + 1)) >= 0; ) {
        const range = new Range();
        range.setStart(text, at);
        range.setEnd(text, Math.min(text.length, at + words.length));
        ranges.push(range);
      }
    }
    CSS.highlights.set("pdf-found", new Highlight(...ranges));
  };
  if (!region) {
    CSS.highlights.delete("pdf-found");
    return;
  }
  paint();
  marking = new MutationObserver(paint);
  marking.observe(region, { childList: true, subtree: true });
}
