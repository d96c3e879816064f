// Pictures, from memory. They are in img elements only, where nothing in them runs: an SVG file with scripts is a
// picture like any other. Browsers turn photographs as their EXIF data say.
import { useEffect, useRef, useState } from "preact/hooks";
import { request } from "../api.ts";
import { bytes, visible } from "../format.ts";
import { useLoad } from "../load.ts";
import { t } from "../text.ts";
import { Button, IconButton } from "../ui/button.tsx";
import { Loaded } from "../ui/feedback.tsx";
import { pictureType } from "./kind.ts";
import { davOf, nameOf, type Place } from "./place.ts";
import { Unknown } from "./unknown.tsx";

/** What is shown without being asked for: pictures are unpacked into memory as a whole. */
const usual = 48 << 20;

/** The bytes of a picture as something that img takes. */
export async function picture(p: Place, signal: AbortSignal): Promise<Blob> {
  const res = await request("GET", davOf(p), { headers: { Accept: "*/*" }, signal });
  return new Blob([await res.arrayBuffer()], { type: pictureType(nameOf(p)) });
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
  return <Loaded of={blob}>{(b) => <Picture place={place} size={size} blob={b} />}</Loaded>;
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
