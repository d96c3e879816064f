// Files that the page can't show: what they are, and the way to have them.
import type { ComponentChildren } from "preact";
import { bytes } from "../format.ts";
import { t } from "../text.ts";
import { Button } from "../ui/button.tsx";
import { Empty, toastError } from "../ui/feedback.tsx";
import { extension } from "./kind.ts";
import { download, nameOf, type Place } from "./place.ts";

export function Unknown({ place, size, why, children }: { place: Place; size: number; why?: string; children?: ComponentChildren }) {
  const ext = extension(nameOf(place));
  return (
    <Empty icon="file" title={t("preview.none")}>
      <p>{why ?? t("preview.noneWhy")}</p>
      <p class="quiet">{ext && /^[\w+-]+$/.test(ext) ? t("preview.typeAndSize", { type: ext.toUpperCase(), size: bytes(size) }) : bytes(size)}</p>
      <div class="toolbar">
        <Button icon="download" kind="primary" onClick={() => void download(place).catch(toastError)}>{t("preview.download")}</Button>
        {children}
      </div>
    </Empty>
  );
}
