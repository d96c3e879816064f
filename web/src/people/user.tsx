// The page of one user, for administrators.
import { useState } from "preact/hooks";
import { at, call, get, Problem } from "../api.ts";
import { bytes, count, visible } from "../format.ts";
import { useLoad, type Loading } from "../load.ts";
import type { Folder } from "../model.ts";
import { goUnlessLeft, href } from "../route.ts";
import { rich, t } from "../text.ts";
import { Button } from "../ui/button.tsx";
import { confirm } from "../ui/dialog.tsx";
import { Fact, Facts } from "../ui/facts.tsx";
import { Empty, Loaded, toast, Usage } from "../ui/feedback.tsx";
import { Name } from "../ui/name.tsx";
import { Page, Time } from "../ui/page.tsx";
import { Table, type Column } from "../ui/table.tsx";
import { LimitList, mostOf } from "./limits.tsx";
import type { User } from "./model.ts";
import { QuotaCard } from "./quota.tsx";
import { deleteUser, editUser, revokeUser, setLimits, setPassword, useFoldersOf } from "./userforms.tsx";
import { Badges } from "./users.tsx";

type Session = { id: string; ipAddress: string; userAgent: string; createdAt: number; lastUsedAt: number | null; expiresAt: number | null; current: boolean };
type Token = { id: string; kind: "token" | "mount"; title: string; folders: unknown[] | null; readOnly: boolean; created: string; expires?: string; lastUsed?: string; lastAddress?: string; lastAgent?: string };
type Key = { accessKey: string; created: string; lastUsed?: string };

export function UserPage({ name }: { name: string }) {
  const user = useLoad((signal) => get<User>(at`/api/davit/users/${name}`, {}, signal), [name]);
  const back = <p><a href={href(["admin", "users"])}>{t("people.users.toList")}</a></p>;
  if (user.error instanceof Problem && user.error.status === 404) {
    return (
      <Page title={name} heading={<Name text={name} />}>
        <Empty icon="user" title={t("people.users.gone")}>{back}</Empty>
      </Page>
    );
  }
  const u = user.value;
  return (
    <Page
      title={name}
      heading={<Name text={name} />}
      actions={
        u && (
          <>
            <Button icon="edit" onClick={() => editUser(u, changed(user))}>{t("people.users.edit")}</Button>
            <Button icon="key" onClick={() => setPassword(u, user.reload)}>{t("people.users.setPassword")}</Button>
            <Button icon="trash" onClick={() => { const goOn = goUnlessLeft(); deleteUser(u, () => goOn(href(["admin", "users"]), true)); }}>{t("people.users.delete")}</Button>
          </>
        )
      }
    >
      {back}
      <Loaded of={user}>
        {(u) => (
          <>
            <section class="card section">
              <h2>{t("people.users.about")}</h2>
              <Facts>
                <Fact label={t("people.users.email")}>{u.email === "" ? <span class="quiet">{t("common.none")}</span> : <Name text={u.email} />}</Fact>
                <Fact label={t("people.users.what")}><Badges user={u} /></Fact>
                <Fact label={t("people.users.created")}><Time at={u.created} /></Fact>
                <Fact label={t("people.users.lastUsed")}><Time at={u.lastUsed} /></Fact>
              </Facts>
            </section>
            <Folders user={u} onChange={changed(user)} />
            <section class="card section">
              <h2>{t("people.sections.projects")}</h2>
              {u.projects?.length ? (
                <ul class="plain-list">
                  {u.projects.map((p) => <li key={p.id}><a href={href(["admin", "projects", p.id])}><Name text={p.title} /></a> <span class="quiet">{t(`people.roles.${p.role}`)}</span></li>)}
                </ul>
              ) : (
                <p class="quiet">{t("people.users.noProjects")}</p>
              )}
            </section>
            <QuotaCard workspace={u.id} settable />
            <Access user={u} />
          </>
        )}
      </Loaded>
    </Page>
  );
}

const changed = (user: Loading<User>) => (now?: User) => (now ? user.set(now) : user.reload());

const shownFolders = 20;

function Folders({ user, onChange }: { user: User; onChange: (u?: User) => void }) {
  const folders = useFoldersOf({ owner: user.name });
  return (
    <>
      <section class="card section">
        <div class="section-head">
          <h2>{t("people.limits.title")}</h2>
          <Button icon="gauge" onClick={() => setLimits(user, onChange)}>{t("people.users.limits")}</Button>
        </div>
        <LimitList limits={user.limits} effective={user.effectiveLimits} most={mostOf(user.usage, folders.value)} />
      </section>
      <section class="card section">
        <div class="section-head">
          <h2>{t("people.folders.title")}</h2>
          <span class="quiet">{t("people.folders.sum", { n: user.usage.folders, bytes: bytes(user.usage.bytes) })}</span>
        </div>
        <FolderTable folders={folders} all={href(["admin", "folders"], { q: user.name })} none={t("people.folders.noneOfUser")} />
      </section>
    </>
  );
}

/** The largest folders of somebody, with the way to all of them. */
export function FolderTable({ folders, all, none, open }: { folders: Loading<Folder[]>; all?: string; none: string; open?: (f: Folder) => string }) {
  const columns: Column<Folder>[] = [
    { id: "title", head: t("people.folders.name"), cell: (f) => (open ? <a href={open(f)}><Name text={f.title} /></a> : <Name text={f.title} />) },
    { id: "bytes", head: t("people.folders.bytes"), cell: (f) => <Usage used={f.usage.bytes} max={f.usage.maxBytes} unit="bytes" label={t("people.folders.bytesOf", { name: visible(f.title) })} /> },
    { id: "files", head: t("people.folders.files"), end: true, cell: (f) => count(f.usage.files) },
    { id: "last", head: t("people.users.lastUsed"), cell: (f) => <Time at={f.lastUsed} /> },
  ];
  return (
    <Loaded of={folders}>
      {(found) =>
        found.length === 0 ? (
          <p class="quiet">{none}</p>
        ) : (
          <>
            <Table caption={t("people.folders.title")} columns={columns} rows={[...found].sort((a, b) => b.usage.bytes - a.usage.bytes).slice(0, shownFolders)} rowKey={(f) => f.id} />
            {found.length > shownFolders && <p class="quiet">{t("people.folders.largest", { n: shownFolders })}</p>}
            {all && <p><a href={all}>{t("people.folders.all")}</a></p>}
          </>
        )
      }
    </Loaded>
  );
}

const few = 20;

// Few is a table whose rows are shown whole when that is asked for.
function Few<Row>({ caption, columns, rows, rowKey }: { caption: string; columns: readonly Column<Row>[]; rows: readonly Row[]; rowKey: (row: Row) => string }) {
  const [all, setAll] = useState(false);
  return (
    <>
      <Table caption={caption} columns={columns} rows={all ? rows : rows.slice(0, few)} rowKey={rowKey} />
      {!all && rows.length > few && <p><Button onClick={() => setAll(true)}>{t("people.access.showAll", { n: rows.length })}</Button></p>}
    </>
  );
}

// Access is what the user signs in with, and how to end it.
function Access({ user }: { user: User }) {
  const who = { user: user.name };
  const sessions = useLoad((signal) => get<{ sessions: Session[] }>(at`/api/davit/users/${user.name}/sessions`, {}, signal), [user.name]);
  const tokens = useLoad((signal) => get<{ tokens: Token[] }>("/api/davit/tokens", who, signal), [user.name]);
  const keys = useLoad((signal) => get<{ keys: Key[] }>("/api/davit/keys", who, signal), [user.name]);
  const all = () => {
    sessions.reload();
    tokens.reload();
    keys.reload();
  };
  const end = (what: string, shown: string, path: string, query: { user?: string }, reload: () => void) => (
    <Button
      aria-label={t("people.access.endOf", { what })}
      onClick={() =>
        void confirm({
          title: rich("people.access.endTitle", { what: <Name text={shown} /> }),
          body: <p>{t("people.access.endWhat")}</p>,
          action: t("people.access.end"),
          danger: true,
          run: async () => {
            await call("DELETE", path, { query });
            reload();
            toast(t("people.access.ended"));
          },
        })
      }
    >
      {t("people.access.end")}
    </Button>
  );
  const sessionColumns: Column<Session>[] = [
    { id: "agent", head: t("people.access.program"), cell: (s) => <span class="badges"><Name text={s.userAgent || t("people.access.unknown")} />{s.current && <span class="badge">{t("people.access.thisOne")}</span>}</span> },
    { id: "address", head: t("people.access.address"), cell: (s) => s.ipAddress },
    { id: "last", head: t("people.users.lastUsed"), cell: (s) => <Time at={s.lastUsedAt ?? s.createdAt} /> },
    { id: "expires", head: t("people.access.expires"), cell: (s) => <Time at={s.expiresAt} /> },
    { id: "end", head: t("people.actions"), hideHead: true, end: true, cell: (s) => end(t("people.access.sessionOf", { program: visible(s.userAgent) || t("people.access.unknown") }), t("people.access.session"), at`/api/davit/users/${user.name}/sessions/${s.id}`, {}, sessions.reload) },
  ];
  const tokenColumns: Column<Token>[] = [
    { id: "title", head: t("people.access.name"), cell: (k) => <Name text={k.title || k.id} /> },
    { id: "kind", head: t("people.access.kind"), cell: (k) => `${t(`people.access.kinds.${k.kind}`)}${k.folders ? `, ${t("people.access.someFolders", { n: k.folders.length })}` : ""}${k.readOnly ? `, ${t("people.access.readOnly")}` : ""}` },
    { id: "last", head: t("people.users.lastUsed"), cell: (k) => <span><Time at={k.lastUsed} />{k.lastAddress && <span class="quiet"> {k.lastAddress}</span>}</span> },
    { id: "expires", head: t("people.access.expires"), cell: (k) => <Time at={k.expires} /> },
    { id: "end", head: t("people.actions"), hideHead: true, end: true, cell: (k) => end(visible(k.title || k.id), k.title || k.id, at`/api/davit/tokens/${k.id}`, who, tokens.reload) },
  ];
  const keyColumns: Column<Key>[] = [
    { id: "key", head: t("people.access.key"), cell: (k) => <code>{k.accessKey}</code> },
    { id: "created", head: t("people.users.created"), cell: (k) => <Time at={k.created} /> },
    { id: "last", head: t("people.users.lastUsed"), cell: (k) => <Time at={k.lastUsed} /> },
    { id: "end", head: t("people.actions"), hideHead: true, end: true, cell: (k) => end(k.accessKey, k.accessKey, at`/api/davit/keys/${k.accessKey}`, who, keys.reload) },
  ];
  return (
    <section class="card section">
      <div class="section-head">
        <h2>{t("people.access.title")}</h2>
        <Button icon="signout" onClick={() => void revokeUser(user, all)}>{t("people.users.revoke")}</Button>
      </div>
      <h3>{t("people.access.sessions")}</h3>
      <Loaded of={sessions}>
        {(v) => (v.sessions.length === 0 ? <p class="quiet">{t("people.access.noSessions")}</p> : <Few caption={t("people.access.sessions")} columns={sessionColumns} rows={v.sessions} rowKey={(s) => s.id} />)}
      </Loaded>
      <h3>{t("people.access.tokens")}</h3>
      <Loaded of={tokens}>
        {(v) => (v.tokens.length === 0 ? <p class="quiet">{t("people.access.noTokens")}</p> : <Few caption={t("people.access.tokens")} columns={tokenColumns} rows={v.tokens} rowKey={(k) => k.id} />)}
      </Loaded>
      <h3>{t("people.access.keys")}</h3>
      <Loaded of={keys}>
        {(v) => (v.keys.length === 0 ? <p class="quiet">{t("people.access.noKeys")}</p> : <Few caption={t("people.access.keys")} columns={keyColumns} rows={v.keys} rowKey={(k) => k.accessKey} />)}
      </Loaded>
    </section>
  );
}
