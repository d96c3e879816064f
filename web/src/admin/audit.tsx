// Who did what.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { get, request } from "../api.ts";
import type { ViewProps } from "../app.tsx";
import { bytes, dateLong, parts } from "../format.ts";
import { useLoad } from "../load.ts";
import type { Entry, PageOf } from "../model.ts";
import { saveLocally } from "../save.ts";
import { Search } from "../ui/search.tsx";
import { rich, t, type TextKey } from "../text.ts";
import { en } from "../texts/en/index.ts";
import { Button } from "../ui/button.tsx";
import { Fact, Facts } from "../ui/facts.tsx";
import { Empty, Failure, Loaded, toast, toastError } from "../ui/feedback.tsx";
import { Field, Select } from "../ui/form.tsx";
import { MenuButton } from "../ui/menu.tsx";
import { Name } from "../ui/name.tsx";
import { Page, Time } from "../ui/page.tsx";
import { FolderLink, UserLink } from "./links.tsx";
import { useQuery } from "./list.tsx";

const doors = ["webdav", "collections", "vfolders", "files", "davit", "auth", "command", "server"] as const;
const fields = ["text", "user", "folder", "action", "door", "since", "until"] as const;

/** Groups of actions that are chosen at once, by their beginning. */
const groups = ["folder.", "grant.", "invitation.", "files.", "lock.", "user.", "session.", "signin.", "token.", "key.", "project.", "member.", "group.", "check."] as const;

/** What was done, in words; of an action that the page does not know, its name. */
function did(e: Entry): ComponentChildren {
  const [noun = "", verb = ""] = e.action.split(".");
  const known = (en.admin.did as { [noun: string]: { [verb: string]: unknown } })[noun]?.[verb] !== undefined;
  const params = {
    folder: e.folderId !== "" || e.folder !== "" ? <FolderLink id={e.folderId} title={e.folder || e.folderId} /> : t("admin.audit.aFolder"),
    subject: e.subject === "" ? t("admin.audit.somebody") : <Name text={e.subject} />,
    n: Number(e.detail["writes"] ?? 0) + Number(e.detail["deletes"] ?? 0) + Number(e.detail["moves"] ?? 0),
  };
  if (known) {
    return rich(`admin.did.${noun}.${verb}` as TextKey, params);
  }
  return (
    <>
      <Name text={e.action} /> {e.folderId !== "" && params.folder} {e.subject !== "" && <Name text={e.subject} />}
    </>
  );
}

/** The start of a day in the browser's time zone, for a field of dates; days is how many later. */
const startOf = (day: string, days = 0): string | undefined => {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(day)) {
    return undefined;
  }
  const [y, m, d] = day.split("-").map(Number);
  const date = new Date(y!, m! - 1, d! + days);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
};

export default function Audit(_: ViewProps) {
  const [value, setQuery] = useQuery();
  const chosen = Object.fromEntries(fields.map((f) => [f, value(f)])) as { [f in (typeof fields)[number]]: string };
  const key = JSON.stringify(chosen);
  const query = {
    text: chosen.text || undefined, user: chosen.user || undefined, folder: chosen.folder || undefined, action: chosen.action || undefined, door: chosen.door || undefined,
    since: startOf(chosen.since), until: startOf(chosen.until, 1),
  };
  const first = useLoad((signal) => pages(query, "", signal), [key]);
  const [more, setMore] = useState<{ key: string; items: Entry[]; next: string | null; busy: boolean; error?: unknown }>({ key: "", items: [], next: null, busy: false });
  const now = useRef(key);
  now.current = key;
  useEffect(() => {
    if (first.value) {
      setMore({ key, items: [], next: first.value.next, busy: false });
    }
  }, [first.value]);
  const rest: typeof more = more.key === key ? more : { key, items: [], next: null, busy: false };
  const older = async () => {
    setMore({ ...more, busy: true });
    try {
      const page = await pages(query, more.next ?? "");
      if (now.current === key) {
        setMore({ key, items: [...more.items, ...page.items], next: page.next, busy: false });
      }
    } catch (error) {
      if (now.current === key) {
        setMore({ ...more, busy: false, error });
      }
    }
  };
  const some = fields.some((f) => chosen[f] !== "");
  return (
    <Page
      title={t("people.sections.audit")}
      actions={
        <>
          <Button icon="refresh" onClick={first.reload}>{t("admin.refresh")}</Button>
          <MenuButton
            kind="plain" icon="download" label={t("admin.audit.export")}
            items={() => [
              { label: t("admin.audit.asCSV"), icon: "download", run: () => void save(query, "csv") }, { label: t("admin.audit.asLines"), icon: "download", run: () => void save(query, "ndjson") },
            ]}
          >
            {t("admin.audit.export")}
          </MenuButton>
        </>
      }
    >
      <p class="quiet">{t("admin.audit.what", { zone: Intl.DateTimeFormat().resolvedOptions().timeZone })}</p>
      <div class="toolbar watch-filters">
        <Search label={t("admin.audit.text")} value={chosen.text} onSearch={(text) => setQuery({ text })} />
        <Changed label={t("admin.audit.user")} value={chosen.user} onValue={(user) => setQuery({ user })} />
        <Changed label={t("admin.audit.folder")} value={chosen.folder} onValue={(folder) => setQuery({ folder })} />
        <Select
          label={t("admin.audit.action")} value={chosen.action} onChange={(e) => setQuery({ action: e.currentTarget.value })}
          choices={[
            { value: "", label: t("admin.audit.any") }, ...groups.map((g) => ({ value: g, label: t(`admin.audit.groups.${g.slice(0, -1) as "folder"}`) })),
            ...(chosen.action !== "" && !(groups as readonly string[]).includes(chosen.action) ? [{ value: chosen.action, label: parts(chosen.action).map((p) => p.text).join("") }] : []),
          ]}
        />
        <Select label={t("admin.audit.door")} value={chosen.door} onChange={(e) => setQuery({ door: e.currentTarget.value })} choices={[{ value: "", label: t("admin.audit.any") }, ...doors.map((d) => ({ value: d, label: t(`admin.doors.${d}`) }))]} />
        <Field label={t("admin.audit.since")} type="date" value={chosen.since} onChange={(e) => setQuery({ since: e.currentTarget.value })} />
        <Field label={t("admin.audit.until")} type="date" value={chosen.until} error={chosen.since !== "" && chosen.until !== "" && chosen.since > chosen.until ? t("admin.audit.order") : undefined} onChange={(e) => setQuery({ until: e.currentTarget.value })} />
        {some && <Button icon="close" onClick={() => setQuery(Object.fromEntries(fields.map((f) => [f, ""])))}>{t("admin.audit.clear")}</Button>}
      </div>
      <div class="watch-list" aria-busy={first.busy}>
        <Loaded of={first}>
          {(page) => {
            const all = [...page.items, ...rest.items];
            if (all.length === 0 && rest.next === null) {
              return <Empty icon="history" title={t(some ? "admin.audit.notFound" : "admin.audit.none")} />;
            }
            return (
              <>
                <ol class="watch-entries" aria-label={t("people.sections.audit")}>{all.map((e) => <Line key={e.id} entry={e} />)}</ol>
                {rest.error !== undefined && <Failure error={rest.error} retry={() => void older()} />}
                <p class="quiet" role="status">{t(rest.next === null ? "admin.audit.shownAll" : "admin.audit.shown", { n: all.length })}</p>
                {rest.next !== null && <div><Button icon="down" busy={rest.busy} onClick={() => void older()}>{t("admin.audit.older")}</Button></div>}
              </>
            );
          }}
        </Loaded>
      </div>
    </Page>
  );
}

/** A page of entries. The server looks at so many at a time that a page may be empty before the end: then at more. */
async function pages(query: { [name: string]: string | undefined }, next: string, signal?: AbortSignal): Promise<PageOf<Entry>> {
  const all: Entry[] = [];
  for (let looks = 0; ; looks++) {
    const page = await get<PageOf<Entry>>("/api/davit/audit", { ...query, itemsPerPage: 50, next: next || undefined }, signal);
    all.push(...page.items);
    if (page.next === null || all.length >= 25 || looks >= 19) {
      return { ...page, items: all };
    }
    next = page.next;
  }
}

/** A line that counts when it was left, or Enter pressed. */
function Changed({ label, value, onValue }: { label: string; value: string; onValue: (text: string) => void }) {
  return (
    <form onSubmit={(e) => { e.preventDefault(); onValue(String(new FormData(e.currentTarget).get("value") ?? "").trim()); }}>
      <Field key={value} label={label} name="value" defaultValue={value} maxLength={200} onChange={(e) => onValue(e.currentTarget.value.trim())} />
    </form>
  );
}

async function save(query: { [name: string]: string | undefined }, format: "csv" | "ndjson"): Promise<void> {
  try {
    const res = await request("GET", "/api/davit/audit/export", { query: { ...query, format }, headers: { Accept: "*/*" } });
    saveLocally(await res.blob(), `davit-audit-${new Date().toISOString().slice(0, 10)}.${format}`);
    toast(t("admin.audit.exported"));
  } catch (e) {
    toastError(e);
  }
}

function Line({ entry: e }: { entry: Entry }) {
  return (
    <li class="watch-entry">
      <div class="watch-entry-when"><Time at={e.at} /></div>
      <div class="watch-entry-what">
        <p>{e.user !== "" ? <UserLink name={e.user} /> : <em>{t(e.door === "command" ? "admin.audit.byCommand" : "admin.audit.byServer")}</em>} {did(e)}</p>
        <p class="quiet">
          {(doors as readonly string[]).includes(e.door) ? t(`admin.doors.${e.door as (typeof doors)[number]}`) : e.door}
          {e.address !== "" && <> · {e.address}</>}
        </p>
        <details>
          <summary>{t("admin.audit.details")}</summary>
          <Facts lines>
            <Fact label={t("admin.audit.at")}>{dateLong(e.at)} <span class="watch-id">{e.at}</span></Fact>
            <Fact label={t("admin.audit.actionName")}><Name text={e.action} /></Fact>
            {e.subject !== "" && <Fact label={t("admin.audit.subject")}><Name text={e.subject} /></Fact>}
            {Object.entries(e.detail).map(([name, v]) => <Fact key={name} label={known(name)}>{written(name, v)}</Fact>)}
            {e.userId !== "" && <Fact label={t("admin.audit.userID")}><span class="watch-id">{e.userId}</span></Fact>}
            {e.folderId !== "" && <Fact label={t("admin.audit.folderID")}><span class="watch-id">{e.folderId}</span></Fact>}
            {e.projectId !== "" && <Fact label={t("admin.audit.projectID")}><span class="watch-id">{e.projectId}</span></Fact>}
          </Facts>
        </details>
      </div>
    </li>
  );
}

/** What a value of the detail is called. */
const known = (name: string): string => (en.admin.detail as { [name: string]: string })[name] ?? parts(name).map((p) => p.text).join("");

function written(name: string, v: unknown): ComponentChildren {
  if (typeof v === "number" && /bytes$/i.test(name)) {
    return bytes(v);
  }
  if (v === null || typeof v === "boolean" || typeof v === "number") {
    return String(v);
  }
  return <Name text={typeof v === "string" ? v : JSON.stringify(v)} />;
}
