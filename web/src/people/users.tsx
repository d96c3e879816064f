// The users of the installation: the list, and the page of one.
import type { ViewProps } from "../app.tsx";
import { visible } from "../format.ts";
import { go, href, route } from "../route.ts";
import { me } from "../session.ts";
import { t } from "../text.ts";
import { Button } from "../ui/button.tsx";
import { Empty, Loaded, Usage } from "../ui/feedback.tsx";
import { MenuButton } from "../ui/menu.tsx";
import { Name } from "../ui/name.tsx";
import { Page, Time } from "../ui/page.tsx";
import { Table, type Column } from "../ui/table.tsx";
import type { User } from "./model.ts";
import { Pager, usePages } from "../ui/pages.tsx";
import { Search } from "../ui/search.tsx";
import { UserPage } from "./user.tsx";
import { createUser, deleteUser, editUser, revokeUser, setLimits, setPassword } from "./userforms.tsx";

/** The place of a user's page. */
const userAt = (name: string): string => href(["admin", "users", name]);

export default function Users({ args }: ViewProps) {
  const name = args[0];
  return name === undefined || name === "" ? <UserList /> : <UserPage key={name} name={name} />;
}

function UserList() {
  const query = route.value.query.get("query") ?? "";
  const admin = route.value.query.get("admin") === "true";
  const look = (query: string, admin: boolean) => go(href(["admin", "users"], { query, admin: admin ? "true" : "" }), true);
  const pages = usePages<User>("/api/davit/users", { query: query || undefined, admin: admin ? "true" : undefined });
  const columns: Column<User>[] = [
    { id: "name", head: t("people.users.name"), cell: (u) => <a class="row-name" href={userAt(u.name)}><Name text={u.name} /></a> },
    { id: "email", head: t("people.users.email"), cell: (u) => (u.email === "" ? <span class="quiet">{t("common.none")}</span> : <Name text={u.email} />) },
    { id: "what", head: t("people.users.what"), cell: (u) => <Badges user={u} /> },
    { id: "folders", head: t("people.users.folders"), cell: (u) => <Usage used={u.usage.folders} max={u.effectiveLimits.maxFolders} unit="folders" label={t("people.users.foldersOf", { name: visible(u.name) })} /> },
    { id: "used", head: t("people.users.used"), end: true, cell: (u) => <Usage used={u.usage.bytes} max={null} unit="bytes" label="" /> },
    { id: "last", head: t("people.users.lastUsed"), cell: (u) => <Time at={u.lastUsed} /> },
    {
      id: "menu", head: t("people.actions"), hideHead: true, end: true,
      cell: (u) => (
        <MenuButton
          label={t("people.users.menu", { name: visible(u.name) })} icon="dots"
          items={() => [
            { label: t("people.users.open"), icon: "user", run: () => go(userAt(u.name)) },
            { label: t("people.users.edit"), icon: "edit", run: () => editUser(u, pages.reload) },
            { label: t("people.users.limits"), icon: "gauge", run: () => setLimits(u, pages.reload) },
            { label: t("people.users.setPassword"), icon: "key", run: () => setPassword(u, pages.reload) },
            { label: t("people.users.revoke"), icon: "signout", run: () => void revokeUser(u, pages.reload) },
            { label: t("people.users.delete"), icon: "trash", danger: true, separated: true, run: () => deleteUser(u, pages.reload) },
          ]}
        />
      ),
    },
  ];
  return (
    <Page title={t("people.sections.users")} actions={<Button icon="add" kind="primary" onClick={() => createUser(pages.reload)}>{t("people.users.create")}</Button>}>
      <div class="toolbar">
        <Search label={t("people.users.search")} value={query} onSearch={(text) => look(text, admin)} />
        <label class="inline-check"><input type="checkbox" checked={admin} onChange={(e) => look(query, e.currentTarget.checked)} /> {t("people.users.adminsOnly")}</label>
      </div>
      <Loaded of={pages}>
        {(page) =>
          page.items.length === 0 ? (
            <Empty icon="user" title={t("people.users.noneFound")}><p>{t("people.users.noneFoundWhy")}</p></Empty>
          ) : (
            <Table caption={t("people.sections.users")} columns={columns} rows={page.items} rowKey={(u) => u.id} />
          )
        }
      </Loaded>
      <Pager pages={pages} label={t("people.users.pages")} />
    </Page>
  );
}

/** What a user is, in a word or two. */
export function Badges({ user }: { user: User }) {
  return (
    <span class="badges">
      {user.admin && <span class="badge strong">{t("people.users.admin")}</span>}
      {user.name === me.value?.name && <span class="badge">{t("people.users.you")}</span>}
      {!user.hasPassword && <span class="badge">{t("people.users.noPassword")}</span>}
      {!user.admin && user.hasPassword && user.name !== me.value?.name && <span class="quiet">{t("people.users.user")}</span>}
    </span>
  );
}
