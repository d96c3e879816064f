// #/deleted: folders that can still be restored.
import { useEffect, useState } from "preact/hooks";
import type { ViewProps } from "../app.tsx";
import { date, visible } from "../format.ts";
import { useLoad } from "../load.ts";
import type { Folder } from "../model.ts";
import { me } from "../session.ts";
import { t } from "../text.ts";
import { Button } from "../ui/button.tsx";
import { Alert, Empty, Loaded } from "../ui/feedback.tsx";
import { Icon } from "../ui/icon.tsx";
import { Name } from "../ui/name.tsx";
import { Page, Time } from "../ui/page.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { Owner } from "./list.tsx";
import { FolderPlaces } from "./places.tsx";
import { contents, purgeFolder, readDeleted, restoreFolder } from "./removal.tsx";

export default function Deleted(_: ViewProps) {
  const all = useLoad(readDeleted, []);
  const [busy, setBusy] = useState("");
  const kept = me.value?.keepDeleted ?? 0;
  useEffect(() => {
    addEventListener("focus", all.reload);
    return () => removeEventListener("focus", all.reload);
  }, []);
  const restore = async (f: Folder) => {
    setBusy(f.id);
    await restoreFolder(f);
    setBusy("");
    all.reload();
  };
  const columns: Column<Folder>[] = [
    { id: "title", head: t("folders.title"), cell: (f) => <span class="folder-owner"><Icon name="folder" /><Name text={f.title} /></span> },
    { id: "owner", head: t("folders.owner"), cell: (f) => <Owner of={f} /> },
    { id: "contents", head: t("folders.deleted.contents"), cell: contents },
    { id: "deleted", head: t("folders.deleted.when"), cell: (f) => <Time at={f.deleted} /> },
    { id: "purge", head: t("folders.deleted.until"), cell: (f) => date(f.purge) },
    {
      id: "actions", head: t("folders.menu.head"), hideHead: true, end: true,
      cell: (f) => (
        <span class="folder-actions">
          <Button icon="restore" busy={busy === f.id} onClick={() => void restore(f)} aria-label={t("folders.deleted.restoreOf", { title: visible(f.title) })}>{t("folders.deleted.restore")}</Button>
          <Button icon="trash" kind="quiet" onClick={() => void purgeFolder(f).then((done) => done && all.reload())} aria-label={t("folders.deleted.purgeOf", { title: visible(f.title) })}>
            {t("folders.deleted.purge")}
          </Button>
        </span>
      ),
    },
  ];
  return (
    <Page title={t("folders.deleted.title")} class="folders">
      <FolderPlaces />
      <Loaded of={all}>
        {(folders) =>
          folders.length === 0 ? (
            <Empty icon="trash" title={t("folders.deleted.none")}>
              <p class="folders-empty">{kept > 0 ? t("folders.deleted.what", { n: Math.round(kept / 86400) || 1 }) : t("folders.deleted.never")}</p>
            </Empty>
          ) : (
            <>
              <Alert>{t("folders.deleted.counts")}</Alert>
              <Table caption={t("folders.deleted.title")} columns={columns} rows={[...folders].sort((a, b) => (b.deleted ?? "").localeCompare(a.deleted ?? ""))} rowKey={(f) => f.id} />
            </>
          )
        }
      </Loaded>
    </Page>
  );
}
