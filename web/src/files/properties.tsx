// What is known about an entry, or about a directory with all that is in it.
import type { ComponentChildren } from "preact";
import { brokenOff, davPath, fileID, get, request, unescaped } from "../api.ts";
import { bytes, count, date, dateLong } from "../format.ts";
import { useLoad } from "../load.ts";
import { t } from "../text.ts";
import { Button } from "../ui/button.tsx";
import { Dialog, openDialog } from "../ui/dialog.tsx";
import { Fact, Facts } from "../ui/facts.tsx";
import { Loaded } from "../ui/feedback.tsx";
import { CopyText } from "../ui/form.tsx";
import { Name } from "../ui/name.tsx";
import { breakLock, davURL, type Item, type Place } from "./actions.tsx";
import { lockOf } from "./directory.ts";
import { kindWords, nameOf, parentOf } from "./entry.ts";
import { entryOf, type FileJSON } from "./listing.ts";

type Facts = { file: FileJSON; etag: string; checksums: string[] };

/** The live properties that WebDAV has of it: of checksums those that are known, none is computed. */
async function read(folder: string, path: string, signal: AbortSignal): Promise<Facts> {
  const [file, res] = await Promise.all([
    get<FileJSON>("/api/files/retrieve", { id: fileID(folder, path), includeSizes: true }, signal),
    request("PROPFIND", davPath(folder, path), {
      signal,
      headers: { Depth: "0", "Content-Type": "application/xml", Accept: "application/xml" },
      body: `<propfind xmlns="DAV:"><prop><getetag/><checksums xmlns="http://owncloud.org/ns"/></prop></propfind>`,
    }),
  ]);
  // The page's policy has no parser for XML from outside; of this answer two plain texts are wanted.
  const xml = await res.text().catch(brokenOff);
  const texts = (name: string) => [...xml.matchAll(new RegExp(`<(?:\\w+:)?${name}(?:\\s[^>]*)?>([^<]*)<`, "g"))].map((m) => unescaped(m[1] ?? ""));
  return { file, etag: texts("getetag")[0] ?? "", checksums: texts("checksum").join(" ").split(/\s+/).filter((c) => c.includes(":")) };
}

export function openProperties(place: Place, item: Item): void {
  openDialog((close) => <Properties place={place} item={item} onClose={close} />);
}

function Properties({ place, item, onClose }: { place: Place; item: Item; onClose: () => void }) {
  const { folder } = place;
  const facts = useLoad((signal) => read(folder.id, item.path, signal), [item.path]);
  const lock = lockOf(place.locks, item.path);
  const name = nameOf(item.path) || folder.title;
  const row = (label: string, value: ComponentChildren) => <Fact label={label}>{value}</Fact>;
  return (
    <Dialog title={<Name text={name} />} onClose={onClose} footer={<Button kind="primary" autofocus onClick={onClose}>{t("common.close")}</Button>}>
      <Loaded of={facts}>
        {({ file, etag, checksums }) => {
          const s = file.status;
          const size = item.dir ? s.sizeIncludingChildrenInBytes : s.sizeInBytes;
          return (
            <Facts lines>
              {row(t("files.columns.kind"), kindWords(entryOf(folder.id, file)))}
              {item.path !== "" && row(t("files.facts.in"), <Name text={parentOf(item.path) || folder.title} />)}
              {row(t("files.columns.size"), size === null ? t("files.facts.tooMany") : size < 1024 ? bytes(size) : `${bytes(size)} (${count(size)} B)`)}
              {item.dir && s.fileCount !== null && s.directoryCount !== null && row(
                t("files.facts.content"),
                `${t("files.facts.files", { n: s.fileCount })}, ${t("files.facts.directories", { n: s.directoryCount })}`,
              )}
              {row(t("files.columns.modified"), <time dateTime={new Date(s.modifiedAt).toISOString()}>{dateLong(s.modifiedAt)}</time>)}
              {row(t("files.facts.created"), <time dateTime={new Date(file.createdAt).toISOString()}>{dateLong(file.createdAt)}</time>)}
              {s.trashed && row(t("files.columns.deleted"), dateLong(s.trashed.at))}
              {s.trashed?.by && row(t("files.facts.deletedBy"), <Name text={s.trashed.by} />)}
              {lock && row(
                t("files.facts.lock"),
                <>
                  <span>{t("files.facts.lockWords", { since: date(lock.since), until: date(lock.until) })} <Name text={lock.user} /></span>
                  {lock.token && <Button icon="lock" onClick={() => { onClose(); breakLock(place, lock); }}>{t("files.lock.remove")}</Button>}
                </>,
              )}
              {etag && row(t("files.facts.etag"), <code><Name text={etag} /></code>)}
              {checksums.map((c) => row(c.slice(0, c.indexOf(":")), <code>{c.slice(c.indexOf(":") + 1)}</code>))}
              {row(t("files.facts.address"), <CopyText label={t("files.facts.address")} text={davURL(folder.id, item)} />)}
            </Facts>
          );
        }}
      </Loaded>
    </Dialog>
  );
}
