// A file: what is in it, and the way to the files beside it. What users made is never a document of the page's origin:
// pictures are in img elements, Markdown is sanitised, everything else is text or an honest "no preview".
import { useEffect, useRef, useState } from "preact/hooks";
import type { ViewProps } from "../app.tsx";
import { Problem } from "../api.ts";
import { bytes, visible } from "../format.ts";
import { useEvery, useLoad } from "../load.ts";
import { cameFrom, go, href, route } from "../route.ts";
import { t } from "../text.ts";
import { Button, IconButton } from "../ui/button.tsx";
import { Alert, Empty, Loaded, toastError } from "../ui/feedback.tsx";
import { Name } from "../ui/name.tsx";
import { Page, Time } from "../ui/page.tsx";
import { ImageView } from "./image.tsx";
import { pretty } from "./json.ts";
import { extension, kindOf } from "./kind.ts";
import { Later } from "./later.tsx";
import { MediaView } from "./media.tsx";
import { davOf, directoryHref, download, nameOf, pathOf, sibling, siblings, stat, titleOf, viewHref, type File, type Place } from "./place.ts";
import { Code, portion, TextView } from "./text.tsx";
import { CSV } from "./table.tsx";
import { Unknown } from "./unknown.tsx";

export default function Preview({ args }: ViewProps) {
  const [folder = "", ...rest] = args;
  const steps = rest.flatMap((s) => s.split("/")).filter((s) => s !== "");
  if ([folder, ...steps].some((s) => s === "." || s === "..")) { // no address names these, see api.ts
    return <Page title={t("app.nowhere")}><p><a href={href([])}>{t("app.toFolders")}</a></p></Page>;
  }
  return <Viewer key={JSON.stringify([folder, ...steps])} place={{ folder, steps }} />;
}

function Viewer({ place }: { place: Place }) {
  const query = route.value.query;
  const fresh = query.has("new");
  // Read again after editing.
  const file = useLoad(async (signal) => (fresh ? undefined : await stat(place, signal)), [davOf(place), fresh || query.has("edit")]);
  const title = useLoad((signal) => titleOf(place.folder, signal), [place.folder]);
  const directory = place.steps.at(-2) ?? title.value ?? "";
  const name = nameOf(place);
  useEffect(() => {
    if (file.value?.status.type === "DIRECTORY") {
      go(directoryHref({ folder: place.folder, steps: [...place.steps, ""] }).replace(/\/$/, ""), true);
    }
  }, [file.value]);
  const size = file.value?.status.sizeInBytes ?? 0;
  const mayEdit = file.value?.permissions.myself.some((p) => p === "EDIT" || p === "ADMIN") === true;
  const editable = mayEdit && size <= portion && ["text", "markdown", "notebook", "table", "svg"].includes(kindOf(name));
  const [began] = useState(fresh); // the file is made while it is edited
  const was = useRef(false); // who edits and loses the right, or the file, keeps the text
  const editing = began ? fresh || query.has("edit") : query.has("edit") && (editable || was.current);
  was.current = editing;
  // What is shown is looked after: it may be changed, be taken away, or be nothing any more for who looks at it.
  useEvery(pollEvery, file.reload);
  const [shown, setShown] = useState<File>();
  const current = file.value;
  useEffect(() => {
    if (!editing) {
      setShown((was) => was ?? current);
    } else if (shown) {
      setShown(undefined);
    }
  }, [current, editing]);
  if (!editing && gone(file.error)) {
    return (
      <Page title={name} heading={<Name text={name} />} class="preview">
        <div role="alert">
          <Empty icon="file" title={t("preview.gone")}>
            <p>{t("preview.goneWhy")}</p>
            <p><a href={directoryHref(place)}>{t("preview.back", { name: visible(directory) })}</a></p>
          </Empty>
        </div>
      </Page>
    );
  }
  const lost = gone(file.error) ? "gone" as const : file.value && file.error === undefined && !mayEdit ? "right" as const : undefined;
  const of = shown ?? current;
  const content = editing ? (
    <Later load={async () => (await import("./editor.tsx")).EditView} props={{ place, size, fresh, lost }} />
  ) : (
    <Loaded of={file}>
      {(f) =>
        f?.status.type === "FILE" && of ? (
          <>
            {versionOf(of) !== versionOf(f) && (
              <Alert kind="warning">
                <p>{t("preview.changedHere")}</p>
                <Button icon="refresh" onClick={() => setShown(f)}>{t("preview.showNew")}</Button>
              </Alert>
            )}
            <Content key={versionOf(of)} place={place} file={of} />
          </>
        ) : null
      }
    </Loaded>
  );
  return (
    <Page
      title={name}
      heading={<Name text={name} />}
      class="preview"
      actions={
        <>
          <Neighbours place={place} />
          {editable && !editing && <Button icon="edit" onClick={() => go(viewHref(place) + "?edit=1", true)}>{t("preview.edit")}</Button>}
          {!fresh && <Button icon="download" onClick={() => void download(place).catch(toastError)}>{t("preview.download")}</Button>}
        </>
      }
    >
      <div class="preview-about">
        <a
          href={directoryHref(place)}
          onClick={(e) => {
            e.preventDefault();
            leave(place);
          }}
        >
          {t("preview.back", { name: visible(directory) })}
        </a>
        {!editing && file.value?.status.type === "FILE" && (
          <span class="quiet">
            {bytes(file.value.status.sizeInBytes ?? 0)} · <Time at={file.value.status.modifiedAt} />
          </span>
        )}
      </div>
      {content}
    </Page>
  );
}

const pollEvery = 10_000;

const gone = (e: unknown): boolean => e instanceof Problem && [403, 404, 410].includes(e.status);

const versionOf = (f: File): string => `${f.status.modifiedAt} ${f.status.sizeInBytes}`;

function Content({ place, file }: { place: Place; file: File }) {
  const size = file.status.sizeInBytes ?? 0;
  switch (kindOf(nameOf(place))) {
    case "image":
    case "svg":
      return <ImageView place={place} size={size} />;
    case "audio":
      return <MediaView place={place} size={size} video={false} />;
    case "video":
      return <MediaView place={place} size={size} video />;
    case "pdf":
      return <Later load={async () => (await import("./pdf.tsx")).PDFView} props={{ place, size }} />;
    case "unknown":
      return <Unknown place={place} size={size} />;
    case "markdown":
      return (
        <TextView
          place={place}
          size={size}
          formatted={{ label: t("preview.text.rendered"), most: 256 << 10, show: (text) => <Later load={async () => (await import("./markdown.tsx")).Markdown} props={{ place, text }} /> }}
        />
      );
    case "notebook":
      return <Later load={async () => (await import("./notebook.tsx")).NotebookView} props={{ place, size }} />;
    case "table":
      return <TextView place={place} size={size} formatted={{ label: t("preview.text.table"), show: (text) => <CSV place={place} text={text} /> }} />;
    default:
      return extension(nameOf(place)) === "json" ? (
        <TextView place={place} size={size} formatted={{ label: t("preview.text.formatted"), show: (text) => <PrettyJSON place={place} text={text} /> }} />
      ) : (
        <TextView place={place} size={size} />
      );
  }
}

function PrettyJSON({ place, text }: { place: Place; text: string }) {
  const better = pretty(text);
  return (
    <>
      {"why" in better && <Alert>{t(`preview.json.${better.why}`)}</Alert>}
      <Code label={t("preview.text.label", { name: visible(nameOf(place)) })} filename={nameOf(place)} text={"text" in better ? better.text : text} />
    </>
  );
}

// leave goes back to where the directory is listed: by the history if that is where one came from, so that it is found
// as it was left.
function leave(place: Place): void {
  const to = directoryHref(place);
  if (cameFrom().split("?")[0] === to) {
    history.back();
  } else {
    go(to);
  }
}

function Neighbours({ place }: { place: Place }) {
  const sort = { sortBy: route.value.query.get("sortBy") ?? "", sortDirection: route.value.query.get("sortDirection") ?? "" };
  const query = Object.fromEntries(Object.entries(sort).filter(([, v]) => v !== ""));
  const list = useLoad((signal) => siblings(place, query, signal), [place.folder, pathOf({ ...place, steps: place.steps.slice(0, -1) })]);
  const all = list.value ?? [];
  const at = all.indexOf(nameOf(place));
  const previous = at > 0 ? all[at - 1] : undefined;
  const next = at >= 0 ? all[at + 1] : undefined;
  const to = (name: string | undefined) => {
    if (name !== undefined) {
      const params = new URLSearchParams(query).toString();
      go(viewHref(sibling(place, name)) + (params && `?${params}`), true);
    }
  };
  const keys = useRef<(e: KeyboardEvent) => void>(() => {});
  keys.current = (e) => {
    if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey || e.shiftKey || busyElsewhere(e)) {
      return;
    }
    if (e.key === "Escape") {
      leave(place);
    } else if (e.key === "ArrowLeft" || e.key === "PageUp") {
      to(previous);
    } else if (e.key === "ArrowRight" || e.key === "PageDown") {
      to(next);
    } else {
      return;
    }
    e.preventDefault();
  };
  useEffect(() => {
    const listen = (e: KeyboardEvent) => keys.current(e);
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  }, []);
  if (all.length < 2) {
    return null;
  }
  return (
    <div class="preview-neighbours" role="group" aria-label={t("preview.neighbours")}>
      <IconButton icon="back" label={t("preview.previous")} disabled={previous === undefined} onClick={() => to(previous)} />
      {at >= 0 && <span>{t("preview.position", { at: at + 1, n: all.length })}</span>}
      <IconButton icon="chevron" label={t("preview.next")} disabled={next === undefined} onClick={() => to(next)} />
    </div>
  );
}

// busyElsewhere: the key belongs to a dialog, a menu, a field, or something that scrolls or plays by keys.
function busyElsewhere(e: KeyboardEvent): boolean {
  if (document.querySelector("dialog[open], .menu")) {
    return true;
  }
  const on = e.target instanceof Element ? e.target : null;
  const field = on?.closest("input, select, textarea, [data-keys]");
  return e.key === "Escape" ? !!on?.closest("[data-editor]") : !!field;
}
