// Pictures, from memory. They are in img elements only, where nothing in them runs: an SVG file with scripts is a
// picture like any other. Browsers turn photographs as their EXIF data say.
import { useEffect, useRef, useState } from "preact/hooks";
import { brokenOff, request } from "../api.ts";
import { bytes, visible } from "../format.ts";
import { useLoad } from "../load.ts";
import { t } from "../text.ts";
import { Button, IconButton } from "../ui/button.tsx";
import { Loaded, Spinner } from "../ui/feedback.tsx";
import { pictureType } from "./kind.ts";
import { davOf, nameOf, type Place } from "./place.ts";
import { Unknown } from "./unknown.tsx";

/** What is shown without being asked for: pictures are unpacked into memory as a whole. */
const usual = 48 << 20;

/** So many pixels take 400 MB; the limit of what browsers draw is not far above. */
const usualPixels = 100e6;

/** The bytes of a picture as something that img takes. */
export async function picture(p: Place, signal: AbortSignal): Promise<Blob> {
  const res = await request("GET", davOf(p), { headers: { Accept: "*/*" }, signal });
  return new Blob([await res.arrayBuffer().catch(brokenOff)], { type: pictureType(nameOf(p)) });
}

/** A picture that was not asked for by itself: its bytes, or how large it is if it is larger than a page should load. */
export async function smallPicture(p: Place, signal: AbortSignal): Promise<Blob | { bytes: number }> {
  const most = 8 << 20;
  const res = await request("GET", davOf(p), { headers: { Accept: "*/*", Range: `bytes=0-${most - 1}` }, signal });
  const total = Number(/\/(\d+)$/.exec(res.headers.get("Content-Range") ?? "")?.[1] ?? 0);
  if (total > most) {
    await res.body?.cancel();
    return { bytes: total };
  }
  return notWide(new Blob([await res.arrayBuffer().catch(brokenOff)], { type: pictureType(nameOf(p)) }));
}

/** A picture that has no more pixels than a page should draw unasked, or how large its file is. */
export async function notWide(blob: Blob): Promise<Blob | { bytes: number }> {
  const { width, height } = await dimensions(blob);
  return width * height > usualPixels ? { bytes: blob.size } : blob;
}

/** What the head of a PNG, GIF, BMP or WebP file says of its size, for few bytes of these may become very many pixels; 0 for others. */
async function dimensions(blob: Blob): Promise<{ width: number; height: number }> {
  const head = new DataView(await blob.slice(0, 32).arrayBuffer());
  const none = { width: 0, height: 0 };
  if (head.byteLength < 30) {
    return none;
  }
  const mark = String.fromCharCode(...new Uint8Array(head.buffer, 0, 16));
  if (mark.startsWith("\x89PNG")) {
    return { width: head.getUint32(16), height: head.getUint32(20) };
  }
  if (mark.startsWith("GIF8")) {
    return { width: head.getUint16(6, true), height: head.getUint16(8, true) };
  }
  if (mark.startsWith("BM")) {
    return { width: Math.abs(head.getInt32(18, true)), height: Math.abs(head.getInt32(22, true)) };
  }
  if (mark.startsWith("RIFF") && mark.startsWith("WEBPVP8X", 8)) {
    const three = (at: number) => head.getUint16(at, true) + (head.getUint8(at + 2) << 16) + 1;
    return { width: three(24), height: three(27) };
  }
  return none;
}

export function ImageView({ place, size }: { place: Place; size: number }) {
  const [big, setBig] = useState(false);
  if (size > usual && !big) {
    return (
      <Unknown place={place} size={size} why={t("preview.image.big", { size: bytes(size) })}>
        <Button onClick={() => setBig(true)}>{t("preview.image.anyway")}</Button>
      </Unknown>
    );
  }
  return <Fetched place={place} size={size} />;
}

function Fetched({ place, size }: { place: Place; size: number }) {
  const blob = useLoad((signal) => picture(place, signal), [davOf(place)]);
  const wide = useLoad(async () => (blob.value ? await dimensions(blob.value) : undefined), [blob.value]);
  const [anyway, setAnyway] = useState(false);
  return (
    <Loaded of={blob}>
      {(b) =>
        !wide.value ? (
          <Spinner />
        ) : wide.value.width * wide.value.height > usualPixels && !anyway ? (
          <Unknown place={place} size={size} why={t("preview.image.wide", { width: wide.value.width, height: wide.value.height })}>
            <Button onClick={() => setAnyway(true)}>{t("preview.image.anyway")}</Button>
          </Unknown>
        ) : (
          <Picture place={place} size={size} blob={b} />
        )
      }
    </Loaded>
  );
}

const steps = [0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 8];

function Picture({ place, size, blob }: { place: Place; size: number; blob: Blob }) {
  const [url, setURL] = useState("");
  const [broken, setBroken] = useState(false);
  const [natural, setNatural] = useState<{ width: number; height: number }>();
  const [zoom, setZoom] = useState(0); // 0: so that all of it is seen
  const img = useRef<HTMLImageElement>(null);
  useEffect(() => {
    const made = URL.createObjectURL(blob);
    setURL(made);
    return () => URL.revokeObjectURL(made);
  }, [blob]);
  if (broken) {
    return <Unknown place={place} size={size} why={t("preview.image.broken")} />;
  }
  const scale = () => zoom || (img.current && natural ? img.current.clientWidth / natural.width : 1) || 1;
  const bigger = () => setZoom(steps.find((s) => s > scale() * 1.01) ?? steps.at(-1)!);
  const smaller = () => setZoom(steps.findLast((s) => s < scale() * 0.99) ?? steps[0]!);
  return (
    <>
      <div class="toolbar" role="toolbar" aria-label={t("preview.image.tools")}>
        <IconButton icon="zoomOut" label={t("preview.zoomOut")} onClick={smaller} />
        <IconButton icon="zoomIn" label={t("preview.zoomIn")} onClick={bigger} />
        <Button kind="quiet" aria-pressed={zoom === 0} onClick={() => setZoom(0)}>{t("preview.image.fit")}</Button>
        <Button kind="quiet" aria-pressed={zoom === 1} onClick={() => setZoom(1)}>{t("preview.image.actual")}</Button>
        {natural && natural.width > 0 && <span class="quiet">{t("preview.image.size", { width: natural.width, height: natural.height })}</span>}
      </div>
      <div class={zoom === 0 ? "preview-picture fit" : "preview-picture"} {...(zoom === 0 ? {} : { role: "region", "aria-label": t("preview.image.region"), tabIndex: 0, "data-keys": true })}>
        {url && (
          <img
            ref={img}
            src={url}
            alt={visible(nameOf(place))}
            style={zoom === 0 || !natural ? {} : { inlineSize: `${natural.width * zoom}px` }}
            onLoad={(e) => setNatural({ width: e.currentTarget.naturalWidth, height: e.currentTarget.naturalHeight })}
            onError={() => setBroken(true)}
          />
        )}
      </div>
    </>
  );
}
