// What was done to a folder, newest first, in sentences.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { at, get } from "../api.ts";
import { bytes, count } from "../format.ts";
import { useLoad } from "../load.ts";
import type { Entry, Folder, PageOf, Right } from "../model.ts";
import { rich, t, type TextKey } from "../text.ts";
import { Button } from "../ui/button.tsx";
import { Empty, Loaded, toastError } from "../ui/feedback.tsx";
import { Select } from "../ui/form.tsx";
import { Name } from "../ui/name.tsx";
import { Time } from "../ui/page.tsx";
import { labelShort, rightsText } from "./model.ts";


const kinds = ["", "files.", "folder.", "grant.", "invitation.", "lock."] as const;

export function History({ folder }: { folder: Folder }) {
  const [action, setAction] = useState<string>("");
  const read = (next: string, signal?: AbortSignal) =>
    get<PageOf<Entry>>(at`/api/davit/folders/${folder.id}/audit`, { itemsPerPage: 50, ...(action !== "" && { action }), ...(next !== "" && { next }) }, signal);
  const list = useLoad((signal) => read("", signal), [folder.id, action]);
  const [busy, setBusy] = useState(false);
  const more = async (now: PageOf<Entry>) => {
    setBusy(true);
    try {
      const page = await read(now.next ?? "");
      list.set({ items: [...now.items, ...page.items], next: page.next });
    } catch (e) {
      toastError(e);
    }
    setBusy(false);
  };
  return (
    <section class="section" aria-labelledby="history">
      <h2 id="history">{t("folders.history.title")}</h2>
      <div class="folders-tools">
        <Select
          label={t("folders.history.show")} value={action} onChange={(e) => setAction(e.currentTarget.value)}
          choices={kinds.map((k) => ({ value: k, label: t(`folders.history.kinds.${k === "" ? "all" : (k.slice(0, -1) as "files")}`) }))}
        />
        <Button icon="refresh" busy={list.busy && list.value !== undefined} onClick={list.reload}>{t("folders.history.refresh")}</Button>
      </div>
      <Loaded of={list}>
        {(page) =>
          page.items.length === 0 ? (
            <Empty icon="history" title={t("folders.history.none")} />
          ) : (
            <>
              <ol class="history">
                {page.items.map((e) => (
                  <li key={e.id}>
                    <span>{sentence(e)}</span>
                    <span class="quiet"><Time at={e.at} />{e.door !== "" && ` · ${door(e.door)}`}</span>
                  </li>
                ))}
              </ol>
              {page.next !== null && <p><Button busy={busy} onClick={() => void more(page)}>{t("folders.history.more")}</Button></p>}
            </>
          )
        }
      </Loaded>
    </section>
  );
}

// The page and other programs use the same APIs.
const door = (name: string): string => t(`folders.history.doors.${name === "webdav" || name === "command" || name === "server" ? name : "api"}`);

const sentences: { [action: string]: TextKey } = {
  "folder.create": "folders.history.did.create",
  "folder.clone": "folders.history.did.clone",
  "folder.rename": "folders.history.did.rename",
  "folder.labels": "folders.history.did.labels",
  "folder.limit": "folders.history.did.limit",
  "folder.owner": "folders.history.did.owner",
  "folder.options": "folders.history.did.options",
  "folder.delete": "folders.history.did.delete",
  "folder.restore": "folders.history.did.restore",
  "folder.purge": "folders.history.did.purge",
  "grant.set": "folders.history.did.grant",
  "grant.delete": "folders.history.did.revoke",
  "invitation.create": "folders.history.did.invite",
  "invitation.accept": "folders.history.did.accept",
  "invitation.reject": "folders.history.did.reject",
  "invitation.cancel": "folders.history.did.withdraw",
  "lock.delete": "folders.history.did.unlock",
  "files.change": "folders.history.did.files",
};

function sentence(e: Entry): ComponentChildren {
  const user = e.user === "" ? t(e.door === "command" ? "folders.history.command" : "folders.history.server") : <Name text={e.user} />;
  const text = (name: string) => String(e.detail[name] ?? "");
  const key = sentences[e.action];
  if (key === undefined) {
    return rich("folders.history.did.unknown", { user, action: e.action, subject: <Name text={e.subject} /> });
  }
  const rights = (r: string) => rightsText({ rights: r.split(",") as Right[] }).toLowerCase();
  return rich(key, {
    user,
    subject: <Name text={e.subject} />,
    title: <Name text={e.folder} />,
    from: <Name text={text("from")} />,
    rights: e.detail["memberRights"] !== undefined ? rights(text("memberRights")) : rights(text("rights")),
    path: text("path") === "" ? t("folders.wholeFolder") : <Name text={text("path")} />,
    labels: <Name text={labels(e.detail)} />,
    limits: limits(e.detail),
    changes: changes(e.detail),
  });
}

const labels = (detail: Entry["detail"]): string => Object.entries(detail).slice(0, 20).map(([k, v]) => labelShort(k, String(v))).concat(Object.keys(detail).length > 20 ? ["…"] : []).join(", ") || t("folders.history.noLabels");

function limits(detail: Entry["detail"]): string {
  const one = (v: unknown, write: (n: number) => string) => (typeof v === "number" ? write(v) : v === "none" ? t("folders.history.unlimited") : t("folders.history.usual"));
  return t("folders.history.limits", { bytes: one(detail["maxBytes"], bytes), files: one(detail["maxFiles"], count) });
}

// Changes of files are noted by their number: they are too many to be noted one by one.
function changes(detail: Entry["detail"]): string {
  const parts = (["writes", "moves", "deletes"] as const).flatMap((what) => {
    const n = Number(detail[what] ?? 0);
    return n > 0 ? [t(`folders.history.${what}`, { n })] : [];
  });
  return new Intl.ListFormat("en").format(parts);
}
