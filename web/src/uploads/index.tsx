// What a file browser needs to take uploads: a button, a place to drop on, and to hear what has arrived.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { t } from "../text.ts";
import { toastError } from "../ui/feedback.tsx";
import { Icon } from "../ui/icon.tsx";
import { MenuButton, type MenuItem } from "../ui/menu.tsx";
import { type Collected, fromDrop } from "./collect.ts";
import { pick, picksDirectories } from "./pick.ts";
import { onLanded, placeOf, type Target } from "./place.ts";

export type { Target } from "./place.ts";

async function upload(target: Target, found: Promise<Collected | undefined>): Promise<void> {
  const [queue, chosen] = await Promise.all([import("./queue.ts"), found]);
  if (chosen) {
    queue.add(target, chosen);
  }
}

/** Uploads what the person chooses. To be called by a click. */
const chooseAndUpload = (target: Target, what: "files" | "directory"): void => {
  upload(target, pick(what)).catch(toastError);
};

/** Uploads what was dropped. To be called in the handler of the drop: afterwards it can't be read. */
export function dropAndUpload(target: Target, dropped: DataTransfer): void {
  let read = 0;
  let tell = (_: number | null) => {};
  const found = fromDrop(dropped, (n) => tell((read = n)));
  import("./queue.ts")
    .then(async (queue) => {
      tell = queue.tellReading;
      tell(read);
      try {
        queue.add(target, await found);
      } finally {
        tell(null);
      }
    })
    .catch(toastError);
}

/** The entries of a menu that upload. */
export const uploadItems = (target: Target): MenuItem[] => [
  { label: t("uploads.addFiles"), icon: "upload", run: () => chooseAndUpload(target, "files") },
  ...(picksDirectories ? [{ label: t("uploads.addDirectory"), icon: "folder" as const, run: () => chooseAndUpload(target, "directory") }] : []),
];

/** A button that uploads files or a directory. */
export function UploadButton({ target }: { target: Target }) {
  return <MenuButton kind="primary" icon="upload" label={t("uploads.add")} items={() => uploadItems(target)}>{t("uploads.add")}</MenuButton>;
}

/** Whether a drag brings files from outside the page. */
const bringsFiles = (e: DragEvent): boolean => e.dataTransfer?.types.includes("Files") ?? false;

/** A place that files and directories can be dropped on; without target it takes none. */
export function DropTarget({ target, children, class: more }: { target: Target | undefined; children: ComponentChildren; class?: string }) {
  const [over, setOver] = useState(false);
  const depth = useRef(0);
  const out = () => {
    depth.current = 0;
    setOver(false);
  };
  return (
    <div
      class={`drop-target ${more ?? ""}`}
      onDragEnter={(e) => {
        if (target && bringsFiles(e)) {
          e.preventDefault();
          depth.current++;
          setOver(true);
        }
      }}
      onDragOver={(e) => {
        if (target && bringsFiles(e)) {
          e.preventDefault();
          e.dataTransfer!.dropEffect = "copy";
        }
      }}
      onDragLeave={(e) => {
        if (bringsFiles(e) && --depth.current <= 0) {
          out();
        }
      }}
      onDrop={(e) => {
        out();
        if (target && bringsFiles(e)) {
          e.preventDefault();
          dropAndUpload(target, e.dataTransfer!);
        }
      }}
    >
      {children}
      {over && target && (
        <div class="drop-here" aria-hidden="true">
          <p><Icon name="upload" />{t("uploads.drop", { place: placeOf(target) })}</p>
        </div>
      )}
    </div>
  );
}

/** Calls f when uploads have put something into a directory. */
export function useLanded(folder: string, path: string, f: () => void): void {
  const current = useRef(f);
  current.current = f;
  useEffect(() => onLanded((in_, dirs) => {
    if (in_ === folder && dirs.has(path)) {
      current.current();
    }
  }), [folder, path]);
}
