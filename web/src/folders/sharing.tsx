// Who has access to a folder, and by which way: its owner, its project, what was granted to people and groups,
// and invitations that nobody has answered yet. Who manages the folder changes that here.
import { useState } from "preact/hooks";
import { at, get, messageOf, patch, post } from "../api.ts";
import { byName, visible } from "../format.ts";
import { useLoad } from "../load.ts";
import { type Folder, type Group, type Member, readAll, type Right } from "../model.ts";
import { go, href } from "../route.ts";
import { me } from "../session.ts";
import { rich, t } from "../text.ts";
import { Button, IconButton } from "../ui/button.tsx";
import { Alert, Loaded, toast, toastError } from "../ui/feedback.tsx";
import { Select } from "../ui/form.tsx";
import { Icon } from "../ui/icon.tsx";
import { Name } from "../ui/name.tsx";
import { Time } from "../ui/page.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { UserField } from "../ui/userfield.tsx";
import { can, type Entity, type Grant, kindOf, type Permission, readGrants, readGroups, readProducts, rightsText, setGrant } from "./model.ts";
import { readInvitations } from "./pending.ts";
import { leaveFolder } from "./removal.tsx";
import { Withdraw } from "./withdraw.tsx";

const permissions: readonly Permission[] = ["READ", "EDIT"];
const permissionOf = (g: Grant): Permission => (g.permissions.includes("EDIT") ? "EDIT" : "READ");

export function Sharing({ folder, reload }: { folder: Folder; reload: () => void }) {
  const manages = can(folder, "admin");
  const list = useLoad(async (signal) => {
    // The folder's own groups, and for who shares it those that could be added.
    const projects = manages ? (me.value?.workspaces ?? []).filter((w) => w.id !== "").map((w) => w.id) : folder.project ? [folder.project.id] : [];
    // Who has left such a project meanwhile cannot read its groups: they are not offered.
    const [grants, groups, invitations, products] = await Promise.all([
      can(folder, "read") ? readGrants(folder.id, signal) : [],
      Promise.all(projects.filter((p) => !folder.project || p === folder.project.id).map((p) => readGroups(p, signal).catch((): Group[] => []))),
      manages ? readInvitations(signal) : undefined,
      readProducts(),
    ]);
    return {
      grants, groups: groups.flat(), sent: invitations?.sent.filter((i) => i.folderId === folder.id) ?? [],
      fixed: products.find((p) => p.reference.id === folder.product)?.collection.aclModifiable === false,
    };
  }, [folder.id, folder.rights.join()]);
  if (!can(folder, "read")) {
    return <Alert>{t("folders.sharing.notYours")}</Alert>;
  }
  const after = () => {
    list.reload();
    reload();
  };
  return (
    <Loaded of={list}>
      {({ grants, groups, sent, fixed }) => (
        <>
          {kindOf(folder) === "shared" && (
            <Alert>
              <p>{rich("folders.sharing.withMe", { owner: <Name text={folder.owner ?? ""} />, rights: rightsText(folder).toLowerCase() })}</p>
              <Button icon="signout" onClick={() => leaveFolder(folder, () => go(href([])))}>{t("folders.leave.open")}</Button>
            </Alert>
          )}
          {manages && (fixed ? <Alert>{t("folders.sharing.fixed")}</Alert> : <Add folder={folder} grants={grants} groups={groups} after={after} />)}
          <section class="section" aria-labelledby="access">
            <h2 id="access">{t("folders.sharing.who")}</h2>
            <Access folder={folder} grants={grants} groups={groups} manages={manages && !fixed} after={after} />
          </section>
          {sent.length > 0 && (
            <section class="section" aria-labelledby="invited">
              <h2 id="invited">{t("folders.sharing.invited")}</h2>
              <Table
                caption={t("folders.sharing.invited")} rows={sent} rowKey={(i) => i.id}
                columns={[
                  { id: "who", head: t("folders.sharing.name"), cell: (i) => <span class="folder-owner"><Icon name="mail" /><Name text={i.invitee} /></span> },
                  { id: "may", head: t("folders.sharing.may"), cell: (i) => t(`folders.permission.${i.permission}`) },
                  { id: "when", head: t("folders.invitations.when"), cell: (i) => <Time at={i.created} /> },
                  { id: "actions", head: t("folders.menu.head"), hideHead: true, end: true, cell: (i) => <Withdraw of={i} done={after} /> },
                ]}
              />
            </section>
          )}
        </>
      )}
    </Loaded>
  );
}

// What people typed: a name, or a mail address for which the server knows the name.
async function userNamed(text: string): Promise<string> {
  const query = text.trim();
  const { names } = await get<{ names: string[] }>("/api/davit/users/find", { query: query.slice(0, 64) });
  return names.includes(query) || !query.includes("@") || names.length !== 1 ? query : names[0]!;
}

function Add({ folder, grants, groups, after }: { folder: Folder; grants: readonly Grant[]; groups: readonly Group[]; after: () => void }) {
  const [user, setUser] = useState("");
  const [may, setMay] = useState<Permission>("READ");
  const [group, setGroup] = useState("");
  const [groupMay, setGroupMay] = useState<Permission>("READ");
  const [busy, setBusy] = useState("");
  const [error, setError] = useState("");
  const run = async (what: string, work: () => Promise<void>) => {
    setBusy(what);
    setError("");
    try {
      await work();
      after();
    } catch (e) {
      setError(messageOf(e));
    }
    setBusy("");
  };
  const need = (): boolean => {
    if (user.trim() === "") {
      setError(t("folders.sharing.nameless"));
    }
    return user.trim() !== "";
  };
  const add = () =>
    need() &&
    run("add", async () => {
      const username = await userNamed(user);
      await setGrant(folder.id, { type: "user", username }, may);
      toast(rich("folders.sharing.added", { name: <Name text={username} />, may: t(`folders.permission.can.${may}`) }));
      setUser("");
    });
  const invite = () =>
    need() &&
    run("invite", async () => {
      await post("/api/davit/invitations", { folderId: folder.id, users: [user.trim()], permission: may });
      toast(rich("folders.sharing.inviteSent", { name: <Name text={user.trim()} /> }));
      setUser("");
    });
  const addGroup = () =>
    run("group", async () => {
      const g = groups.find((g) => g.id === group)!;
      await setGrant(folder.id, { type: "project_group", projectId: g.project, group: g.id }, groupMay);
      toast(rich("folders.sharing.added", { name: <Name text={g.title} />, may: t(`folders.permission.can.${groupMay}`) }));
      setGroup("");
    });
  const left = groups.filter((g) => !grants.some((x) => x.entity.type === "project_group" && x.entity.group === g.id));
  const projectTitle = (id: string) => me.value?.workspaces.find((w) => w.id === id)?.title ?? "";
  const known = [folder.owner ?? "", ...grants.flatMap((g) => (g.entity.type === "user" ? [g.entity.username] : []))];
  const choices = permissions.map((p) => ({ value: p, label: t(`folders.permission.${p}`) }));
  return (
    <section class="section card" aria-labelledby="share">
      <h2 id="share">{t("folders.sharing.add")}</h2>
      <form class="share-form" onSubmit={(e) => { e.preventDefault(); void add(); }}>
        <UserField label={t("folders.sharing.user")} value={user} onChange={(text) => { setUser(text); setError(""); }} without={known} />
        <Select label={t("folders.sharing.may")} value={may} choices={choices} onChange={(e) => setMay(e.currentTarget.value as Permission)} />
        <span class="folder-actions">
          <Button type="submit" kind="primary" icon="add" busy={busy === "add"}>{t("folders.sharing.share")}</Button>
          <Button icon="mail" busy={busy === "invite"} onClick={() => void invite()}>{t("folders.sharing.invite")}</Button>
        </span>
      </form>
      <p class="hint">{t(folder.project ? "folders.sharing.hintProject" : "folders.sharing.hint")}</p>
      {left.length > 0 && (
        <form class="share-form" onSubmit={(e) => { e.preventDefault(); void addGroup(); }}>
          <Select
            label={t("folders.sharing.group")} value={group} onChange={(e) => setGroup(e.currentTarget.value)}
            choices={[
              { value: "", label: t("folders.sharing.chooseGroup"), disabled: true },
              ...[...left].sort((a, b) => byName(a.title, b.title)).map((g) => ({
                value: g.id, label: t("folders.sharing.groupChoice", { title: visible(g.title), project: visible(projectTitle(g.project)), n: g.members }),
              })),
            ]}
          />
          <Select label={t("folders.sharing.groupMay")} value={groupMay} choices={choices} onChange={(e) => setGroupMay(e.currentTarget.value as Permission)} />
          <span class="folder-actions"><Button type="submit" icon="add" busy={busy === "group"} disabled={group === ""}>{t("folders.sharing.shareGroup")}</Button></span>
        </form>
      )}
      {error !== "" && <Alert kind="error">{error}</Alert>}
    </section>
  );
}

type Row = { key: string; who: "owner" | "managers" | "members" | Grant };

function Access({ folder, grants, groups, manages, after }: { folder: Folder; grants: readonly Grant[]; groups: readonly Group[]; manages: boolean; after: () => void }) {
  const title = (e: Entity) => (e.type === "user" ? e.username : ([...groups, ...(me.value?.groups ?? [])].find((g) => g.id === e.group)?.title ?? t("folders.sharing.otherGroup")));
  const rows: Row[] = [
    ...(folder.project ? [{ key: "managers", who: "managers" as const }, { key: "members", who: "members" as const }] : [{ key: "owner", who: "owner" as const }]),
    ...[...grants].map((g) => ({ key: g.entity.type === "user" ? `u ${g.entity.username}` : `g ${g.entity.group}`, who: g })),
  ];
  const change = async (g: Grant, to: Permission | null) => {
    try {
      await setGrant(folder.id, g.entity, to);
      const name = <Name text={title(g.entity)} />;
      if (to === null) {
        toast(rich("folders.sharing.removed", { name }), { action: { label: t("folders.delete.undo"), run: () => void change({ ...g, permissions: [] }, permissionOf(g)) } });
      } else {
        toast(rich("folders.sharing.changed", { name, may: t(`folders.permission.can.${to}`) }));
      }
    } catch (e) {
      toastError(e);
    }
    after();
  };
  const columns: Column<Row>[] = [
    { id: "who", head: t("folders.sharing.name"), cell: ({ who }) => <Who of={who} folder={folder} title={title} /> },
    {
      id: "may", head: t("folders.sharing.may"),
      cell: ({ who }) =>
        who === "owner" || who === "managers" ? (
          t("folders.rights.admin")
        ) : who === "members" ? (
          <MembersMay folder={folder} manages={manages} after={after} />
        ) : manages ? (
          <Choose
            label={t("folders.sharing.mayOf", { name: visible(title(who.entity)) })} value={permissionOf(who)}
            choices={permissions.map((p) => ({ value: p, label: t(`folders.permission.${p}`) }))} onChange={(p) => void change(who, p as Permission)}
          />
        ) : (
          t(`folders.permission.${permissionOf(who)}`)
        ),
    },
    {
      id: "why", head: t("folders.sharing.why"),
      cell: ({ who }) =>
        who === "owner" ? t(folder.owner === me.value?.name ? "folders.sharing.ownsMe" : "folders.sharing.owns")
        : who === "managers" ? t("folders.sharing.manage")
        : who === "members" ? t("folders.sharing.belong")
        : who.entity.type === "user" && who.entity.username === folder.createdBy && folder.project ? t("folders.sharing.madeIt")
        : t("folders.sharing.granted"),
    },
    ...(manages
      ? [{
          id: "actions", head: t("folders.menu.head"), hideHead: true, end: true,
          cell: ({ who }: Row) => typeof who === "object" && <IconButton icon="trash" label={t("folders.sharing.remove", { name: visible(title(who.entity)) })} onClick={() => void change(who, null)} />,
        }]
      : []),
  ];
  return (
    <>
      <Table caption={t("folders.sharing.who")} columns={columns} rows={rows} rowKey={(r) => r.key} />
      {grants.length === 0 && !folder.project && manages && <p class="quiet">{t("folders.sharing.alone")}</p>}
    </>
  );
}

function Choose({ label, value, choices, onChange }: { label: string; value: string; choices: { value: string; label: string }[]; onChange: (value: string) => void }) {
  return (
    <select aria-label={label} value={value} onChange={(e) => onChange(e.currentTarget.value)}>
      {choices.map((c) => <option key={c.value} value={c.value} selected={c.value === value}>{c.label}</option>)}
    </select>
  );
}

function Who({ of, folder, title }: { of: Row["who"]; folder: Folder; title: (e: Entity) => string }) {
  if (of === "owner") {
    return <span class="folder-owner"><Icon name="user" />{folder.owner === null ? t("folders.ofNobody") : <span><Name text={folder.owner} />{kindOf(folder) === "own" && ` ${t("folders.sharing.you")}`}</span>}</span>;
  }
  const project = folder.project;
  if (of === "managers" || of === "members") {
    const name = <Name text={project?.title ?? ""} />;
    return (
      <div>
        <span class="folder-owner"><Icon name="users" /><span>{rich(of === "managers" ? "folders.sharing.managers" : "folders.sharing.members", { project: name })}</span></span>
        <Members
          path={at`/api/davit/projects/${project?.id ?? ""}/members`}
          keep={of === "managers" ? (m) => m.role !== "USER" : () => true}
        />
      </div>
    );
  }
  const entity = of.entity;
  return (
    <div>
      <span class="folder-owner">
        <Icon name={entity.type === "user" ? "user" : "users"} />
        <span>
          {entity.type === "project_group" && <span class="quiet">{t("folders.sharing.groupMark")} </span>}
          <Name text={title(entity)} />
          {entity.type === "user" && entity.username === me.value?.name && ` ${t("folders.sharing.you")}`}
        </span>
      </span>
      {entity.type === "project_group" && <Members path={at`/api/davit/groups/${entity.group}/members`} keep={() => true} />}
    </div>
  );
}

// Who they are, read when somebody wants to know.
function Members({ path, keep }: { path: string; keep: (m: Member) => boolean }) {
  const [open, setOpen] = useState(false);
  return (
    <details class="members" onToggle={(e) => setOpen(e.currentTarget.open)}>
      <summary>{t("folders.sharing.whoIsThat")}</summary>
      {open && <MemberList path={path} keep={keep} />}
    </details>
  );
}

function MemberList({ path, keep }: { path: string; keep: (m: Member) => boolean }) {
  const all = useLoad((signal) => readAll<Member>(path, {}, signal), [path]);
  return (
    <Loaded of={all}>
      {(members) => {
        const kept = members.filter(keep);
        return kept.length === 0 ? <p class="quiet">{t("common.none")}</p> : <ul>{kept.map((m) => <li key={m.user}><Name text={m.user} /> <span class="quiet">{t(`folders.roles.${m.role}`)}</span></li>)}</ul>;
      }}
    </Loaded>
  );
}

const memberChoices: { [value: string]: Right[] } = { none: [], read: ["read"], write: ["read", "write"], edit: ["read", "write", "remove"] };

function MembersMay({ folder, manages, after }: { folder: Folder; manages: boolean; after: () => void }) {
  const rights = folder.memberRights ?? [];
  const now = rights.includes("remove") ? "edit" : rights.includes("write") ? "write" : rights.includes("read") ? "read" : "none";
  if (!manages) {
    return <>{t(`folders.rights.${now}`)}</>;
  }
  const change = async (to: string) => {
    try {
      await patch(at`/api/davit/folders/${folder.id}`, { memberRights: memberChoices[to] });
      toast(t("folders.sharing.membersChanged"));
    } catch (e) {
      toastError(e);
    }
    after();
  };
  return (
    <Choose
      label={t("folders.sharing.mayMembers")} value={now} onChange={(to) => void change(to)}
      choices={(["none", "read", "write", "edit"] as const).map((value) => ({ value, label: t(`folders.rights.${value}`) }))}
    />
  );
}
