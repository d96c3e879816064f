// Text: the first MiB, and more on demand, for a log may be of any length. Bytes that are no text are not shown as some.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { aborted, brokenOff, messageOf, request } from "../api.ts";
import { bytes, visible } from "../format.ts";
import { useLoad } from "../load.ts";
import { t } from "../text.ts";
import { Button } from "../ui/button.tsx";
import { Alert, Loaded } from "../ui/feedback.tsx";
import type { Shown } from "./codemirror.ts";
import { Reader, type Format } from "./encoding.ts";
import { davOf, nameOf, type Place } from "./place.ts";
import { Unknown } from "./unknown.tsx";

/** What is fetched at once, and the most that is edited. */
export const portion = 1 << 20;

export type Start = { bytes: Uint8Array<ArrayBuffer>; size: number; etag: string };

/** Reads a file from a byte on, a portion of it. With an ETag it must still be the same file (412). */
async function readPart(p: Place, from: number, signal: AbortSignal | undefined, etag = ""): Promise<Start> {
  // Without Range the server would say 416 of an empty file.
  const res = await request("GET", davOf(p), {
    headers: { Range: `bytes=${from}-${from + portion - 1}`, Accept: "*/*", ...(etag && { "If-Match": etag }) }, ...(signal && { signal }),
  });
  const body = new Uint8Array(await res.arrayBuffer().catch(brokenOff));
  const total = /\/(\d+)$/.exec(res.headers.get("Content-Range") ?? "")?.[1];
  return { bytes: body, size: total === undefined ? body.length : Number(total), etag: res.headers.get("ETag") ?? "" };
}

/** The beginning of a file; an empty one has no ranges. */
export async function readStart(p: Place, size: number, signal?: AbortSignal): Promise<Start> {
  if (size > 0) {
    return readPart(p, 0, signal);
  }
  const res = await request("GET", davOf(p), { headers: { Accept: "*/*" }, ...(signal && { signal }) });
  const body = new Uint8Array(await res.arrayBuffer().catch(brokenOff));
  return { bytes: body, size: body.length, etag: res.headers.get("ETag") ?? "" };
}

/** How a text is written, in words. Nothing for what is usual. */
export function FormatNotice({ format }: { format: Pick<Format, "encoding" | "bom"> }) {
  return format.encoding === "windows-1252" ? <Alert>{t("preview.text.western")}</Alert> : null;
}

type TextProps = {
  place: Place;
  size: number;
  /** What to do with a whole text in place of showing its source, and the words of the switch between both. */
  formatted?: { label: string; /** Up to so many bytes, if less than a portion. */ most?: number; show: (text: string) => ComponentChildren };
};

/** A file as text, or as what formatted makes of it. */
export function TextView({ place, size, formatted }: TextProps) {
  const start = useLoad((signal) => readStart(place, size, signal), [davOf(place)]);
  return <Loaded of={start}>{(s) => <TextOf key={s.etag} place={place} start={s} {...(formatted && { formatted })} />}</Loaded>;
}

function TextOf({ place, start, formatted }: { place: Place; start: Start; formatted?: TextProps["formatted"] }) {
  const [reader] = useState(() => new Reader(start.bytes));
  const [begun] = useState(() => reader.read(start.bytes, start.bytes.length >= start.size));
  const [anyway, setAnyway] = useState(false);
  const most = formatted?.most ?? portion;
  const whole = start.bytes.length >= start.size && start.size <= most;
  const [source, setSource] = useState(!(formatted && whole));
  if (reader.binary && !anyway) {
    return (
      <Unknown place={place} size={start.size} why={t("preview.text.binary")}>
        <Button onClick={() => setAnyway(true)}>{t("preview.text.anyway")}</Button>
      </Unknown>
    );
  }
  if (start.size === 0) {
    return <p class="preview-empty">{t("preview.text.empty")}</p>;
  }
  return (
    <>
      <FormatNotice format={reader} />
      {formatted && !whole && <Alert>{t("preview.text.tooBig", { size: bytes(most) })}</Alert>}
      {formatted && whole && (
        <div class="toolbar">
          <Button aria-pressed={!source} onClick={() => setSource(false)}>{formatted.label}</Button>
          <Button aria-pressed={source} onClick={() => setSource(true)}>{t("preview.text.source")}</Button>
        </div>
      )}
      {source ? <Source place={place} start={start} reader={reader} begun={begun} /> : formatted?.show(begun)}
    </>
  );
}

function Source({ place, start, reader, begun }: { place: Place; start: Start; reader: Reader; begun: string }) {
  const [there, setThere] = useState(start.bytes.length);
  const [wrap, setWrap] = useState(true);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const shown = useRef<Shown | undefined>(undefined);
  const abort = useRef<AbortController | undefined>(undefined);
  useEffect(() => () => abort.current?.abort(), []);
  const more = async () => {
    setBusy(true);
    setError(undefined);
    abort.current = new AbortController();
    try {
      const part = await readPart(place, there, abort.current.signal, start.etag);
      const now = there + part.bytes.length;
      shown.current?.append(reader.read(part.bytes, now >= start.size));
      setThere(now);
    } catch (e) {
      if (!aborted(e)) {
        setError(e);
      }
    }
    setBusy(false);
  };
  return (
    <>
      <div class="toolbar">
        <Button
          kind="quiet"
          aria-pressed={wrap}
          onClick={() => {
            setWrap(!wrap);
            shown.current?.wrap(!wrap);
          }}
        >
          {t("preview.text.wrap")}
        </Button>
      </div>
      {reader.damaged && <Alert kind="warning">{t("preview.text.damaged")}</Alert>}
      <Code label={t("preview.text.label", { name: visible(nameOf(place)) })} filename={nameOf(place)} text={begun} shown={shown} />
      {there < start.size && (
        <div class="toolbar" role="status">
          <span>{t("preview.text.part", { there: bytes(there), size: bytes(start.size) })}</span>
          <Button busy={busy} onClick={() => void more()}>{t("preview.text.more")}</Button>
        </div>
      )}
      {error !== undefined && <Alert kind="error">{(error as { status?: number }).status === 412 ? t("preview.changedMeanwhile") : messageOf(error)}</Alert>}
    </>
  );
}

/** A text with colours, to look at. */
export function Code({ label, filename, text, original, shown }: { label: string; filename: string; text: string; original?: string; shown?: { current: Shown | undefined } }) {
  const host = useRef<HTMLDivElement>(null);
  const [error, setError] = useState<unknown>();
  useEffect(() => {
    let made: Shown | undefined;
    let gone = false;
    import("./codemirror.ts").then(
      (cm) => {
        if (!gone && host.current) {
          made = cm.show(host.current, { label, filename, text, wrap: true, ...(original !== undefined && { original }) });
          if (shown) {
            shown.current = made;
          }
        }
      },
      (e: unknown) => setError(e),
    );
    return () => {
      gone = true;
      made?.destroy();
    };
  }, []);
  return error === undefined ? <div class="preview-code" ref={host} data-keys /> : <Alert kind="error">{messageOf(error)}</Alert>;
}
