// The page of one project: its members, groups and folders. What somebody's role does not allow is not offered.
import { useContext, useState } from "preact/hooks";
import { at, call, get, Problem, put } from "../api.ts";
import { bytes, visible } from "../format.ts";
import { useEvery, useLoad } from "../load.ts";
import { readAll, type Group, type Member, type Role } from "../model.ts";
import { go, goUnlessLeft, href } from "../route.ts";
import { loadMeAfter, me } from "../session.ts";
import { rich, t } from "../text.ts";
import { Button } from "../ui/button.tsx";
import { Dialog, openDialog } from "../ui/dialog.tsx";
import { Fact, Facts } from "../ui/facts.tsx";
import { Empty, Loaded, toast, toastError } from "../ui/feedback.tsx";
import { MenuButton } from "../ui/menu.tsx";
import { Name } from "../ui/name.tsx";
import { Page, Time } from "../ui/page.tsx";
import { Table, type Column } from "../ui/table.tsx";
import { LimitList, mostOf } from "./limits.tsx";
import type { Project } from "./model.ts";
import { Pager, usePages } from "../ui/pages.tsx";
import { addMember, createGroup, deleteGroup, deleteProject, removeMember, renameGroup, renameProject, roleChoices, setProjectLimits } from "./projectforms.tsx";
import { Base } from "./projectplace.ts";
import { QuotaCard } from "./quota.tsx";
import { FolderTable } from "./user.tsx";
import { useFoldersOf } from "./userforms.tsx";

export function ProjectPage({ id }: { id: string }) {
  const base = useContext(Base);
  const project = useLoad((signal) => get<Project>(at`/api/davit/projects/${id}`, {}, signal), [id]);
  useEvery(15_000, project.reload); // somebody may be put out of it, or get another role
  const list = href([...base]);
  const back = <p><a href={list}>{t(base.length > 1 ? "people.projects.toList" : "people.projects.own")}</a></p>;
  if (project.error instanceof Problem && project.error.status === 404) {
    return (
      <Page title={t("people.projects.gone")}>
        <Empty icon="users" title={t("people.projects.goneWhy")}>{back}</Empty>
      </Page>
    );
  }
  const p = project.value;
  const leads = me.value?.admin === true || p?.role === "PI";
  const manages = leads || p?.role === "ADMIN";
  return (
    <Page
      title={p?.title ?? t("people.sections.projects")}
      heading={p && <Name text={p.title} />}
      actions={
        p && manages && (
          <>
            <Button icon="edit" onClick={() => renameProject(p, project.set)}>{t("people.projects.rename")}</Button>
            {leads && <Button icon="trash" onClick={() => { const goOn = goUnlessLeft(); deleteProject(p, () => goOn(list, true)); }}>{t("people.projects.delete")}</Button>}
          </>
        )
      }
    >
      {back}
      <Loaded of={project}>
        {(p) => (
          <>
            <Members project={p} manages={manages} leads={leads} onGone={() => go(list, true)} onChange={project.reload} />
            <Groups project={p} manages={manages} />
            <Folders project={p} onLimits={project.set} />
            <QuotaCard workspace={p.id} settable={me.value?.admin === true} />
          </>
        )}
      </Loaded>
    </Page>
  );
}

function Members({ project, manages, leads, onGone, onChange }: { project: Project; manages: boolean; leads: boolean; onGone: () => void; onChange: () => void }) {
  const members = usePages<Member>(at`/api/davit/projects/${project.id}/members`, {});
  const changed = () => {
    members.reload();
    onChange();
  };
  const setRole = async (m: Member, role: Role) => {
    try {
      await put<Member>(at`/api/davit/projects/${project.id}/members/${m.user}`, { role });
      toast(rich("people.members.changed", { name: <Name text={m.user} />, role: t(`people.roles.${role}`) }));
      if (m.user === me.value?.name) {
        await loadMeAfter();
      }
    } catch (e) {
      toastError(e);
    }
    changed();
  };
  const columns: Column<Member>[] = [
    { id: "user", head: t("people.members.user"), cell: (m) => <span class="badges"><Name text={m.user} />{m.user === me.value?.name && <span class="badge">{t("people.users.you")}</span>}</span> },
    {
      id: "role", head: t("people.members.role"),
      cell: (m) => manages && (leads || m.role !== "PI") ? (
        <RoleSelect key={m.user} member={m} mayPI={leads} onRole={(role) => setRole(m, role)} />
      ) : (
        t(`people.roles.${m.role}`)
      ),
    },
    { id: "since", head: t("people.members.since"), cell: (m) => <Time at={m.created} /> },
    {
      id: "remove", head: t("people.actions"), hideHead: true, end: true,
      cell: (m) => {
        const self = m.user === me.value?.name;
        return self || (manages && (leads || m.role !== "PI")) ? (
          <Button aria-label={self ? undefined : t("people.members.removeLabel", { name: visible(m.user) })} onClick={() => void removeMember(project, m, self && !me.value?.admin ? onGone : changed)}>
            {t(self ? "people.members.leave" : "people.members.remove")}
          </Button>
        ) : null;
      },
    },
  ];
  return (
    <section class="card section">
      <div class="section-head">
        <h2>{t("people.projects.members")}</h2>
        {manages && <Button icon="add" kind="primary" onClick={() => addMember(project, members.value?.items.map((m) => m.user) ?? [], leads, changed)}>{t("people.members.add")}</Button>}
      </div>
      <Loaded of={members}>{(page) => <Table caption={t("people.projects.members")} columns={columns} rows={page.items} rowKey={(m) => m.user} />}</Loaded>
      <Pager pages={members} label={t("people.members.pages")} />
      <details class="more">
        <summary>{t("people.roles.explain")}</summary>
        <Facts>
          {(["PI", "ADMIN", "USER"] as const).map((r) => <Fact key={r} label={t(`people.roles.${r}`)}>{t(`people.roles.what.${r}`)}</Fact>)}
        </Facts>
      </details>
    </section>
  );
}

// RoleSelect shows the old role again if the change is refused.
function RoleSelect({ member, mayPI, onRole }: { member: Member; mayPI: boolean; onRole: (role: Role) => Promise<void> }) {
  const [busy, setBusy] = useState(false);
  return (
    <select
      aria-label={t("people.members.roleOf", { name: visible(member.user) })} value={member.role} aria-busy={busy || undefined}
      onChange={async (e) => {
        const select = e.currentTarget;
        setBusy(true);
        await onRole(select.value as Role);
        setBusy(false);
        select.value = member.role;
      }}
    >
      {roleChoices(mayPI).map((c) => <option key={c.value} value={c.value} disabled={c.disabled} selected={c.value === member.role}>{c.label}</option>)}
    </select>
  );
}

function Groups({ project, manages }: { project: Project; manages: boolean }) {
  const groups = usePages<Group>(at`/api/davit/projects/${project.id}/groups`, {});
  const open = (g: Group) => openDialog((close) => <GroupMembers project={project} group={g} manages={manages} onClose={() => { groups.reload(); close(); }} />);
  const columns: Column<Group>[] = [
    { id: "title", head: t("people.groups.name"), cell: (g) => <Name text={g.title} /> },
    { id: "members", head: t("people.projects.members"), end: true, cell: (g) => t("people.projects.memberCount", { n: g.members }) },
    {
      id: "menu", head: t("people.actions"), hideHead: true, end: true,
      cell: (g) => (
        <span class="row-actions">
          <Button aria-label={t("people.groups.membersOf", { title: visible(g.title) })} onClick={() => open(g)}>{t("people.projects.members")}</Button>
          {manages && (
            <MenuButton
              label={t("people.groups.menu", { title: visible(g.title) })} icon="dots"
              items={() => [
                { label: t("people.groups.rename"), icon: "edit", run: () => renameGroup(g, groups.reload) },
                { label: t("people.groups.delete"), icon: "trash", danger: true, separated: true, run: () => void deleteGroup(g, groups.reload) },
              ]}
            />
          )}
        </span>
      ),
    },
  ];
  return (
    <section class="card section">
      <div class="section-head">
        <h2>{t("people.groups.title")}</h2>
        {manages && <Button icon="add" onClick={() => createGroup(project, groups.reload)}>{t("people.groups.create")}</Button>}
      </div>
      <Loaded of={groups}>
        {(page) => page.items.length === 0
          ? <p class="quiet">{t("people.groups.none")}</p>
          : <Table caption={t("people.groups.title")} columns={columns} rows={page.items} rowKey={(g) => g.id} />}
      </Loaded>
      <Pager pages={groups} label={t("people.groups.pages")} />
    </section>
  );
}

// The members of a group, taken in from those of the project.
function GroupMembers({ project, group, manages, onClose }: { project: Project; group: Group; manages: boolean; onClose: () => void }) {
  const members = usePages<Member>(at`/api/davit/groups/${group.id}/members`, {});
  const all = useLoad((signal) => readAll<Member>(at`/api/davit/projects/${project.id}/members`, {}, signal), [project.id]);
  const there = useLoad((signal) => readAll<Member>(at`/api/davit/groups/${group.id}/members`, {}, signal), [group.id]); // the table has a page of them
  const [chosen, setChosen] = useState("");
  const [busy, setBusy] = useState(false);
  const inside = new Set(there.value?.map((m) => m.user));
  const others = (there.value && all.value ? all.value : []).filter((m) => !inside.has(m.user));
  const change = async (method: "PUT" | "DELETE", user: string) => {
    setBusy(true);
    try {
      await call(method, at`/api/davit/groups/${group.id}/members/${user}`);
      toast(rich(method === "PUT" ? "people.groups.taken_in" : "people.groups.taken_out", { name: <Name text={user} /> }));
      setChosen("");
      members.reload();
      there.reload();
    } catch (e) {
      toastError(e);
    }
    setBusy(false);
  };
  const columns: Column<Member>[] = [
    { id: "user", head: t("people.members.user"), cell: (m) => <Name text={m.user} /> },
    { id: "role", head: t("people.members.role"), cell: (m) => t(`people.roles.${m.role}`) },
    {
      id: "remove", head: t("people.actions"), hideHead: true, end: true,
      cell: (m) => manages || m.user === me.value?.name ? <Button aria-label={t("people.groups.takeOut", { name: visible(m.user) })} busy={busy} onClick={() => void change("DELETE", m.user)}>{t("people.members.remove")}</Button> : null,
    },
  ];
  return (
    <Dialog title={rich("people.groups.membersTitle", { title: <Name text={group.title} /> })} onClose={onClose} wide>
      <div class="form">
        {manages && (
          <form class="with-button" onSubmit={(e) => { e.preventDefault(); if (chosen !== "") void change("PUT", chosen); }}>
            <div class="field">
              <label for="group-member">{t("people.groups.whom")}</label>
              <select id="group-member" value={chosen} onChange={(e) => setChosen(e.currentTarget.value)}>
                <option value="">{others.length === 0 ? t("people.groups.nobody") : t("people.groups.choose")}</option>
                {others.map((m) => <option key={m.user} value={m.user}>{visible(m.user)}</option>)}
              </select>
            </div>
            <Button type="submit" busy={busy} disabled={chosen === ""}>{t("people.groups.takeIn")}</Button>
          </form>
        )}
        <Loaded of={members}>
          {(page) => page.items.length === 0
            ? <p class="quiet">{t("people.groups.empty")}</p>
            : <Table caption={t("people.projects.members")} columns={columns} rows={page.items} rowKey={(m) => m.user} />}
        </Loaded>
        <Pager pages={members} label={t("people.members.pages")} />
      </div>
    </Dialog>
  );
}

function Folders({ project, onLimits }: { project: Project; onLimits: (p: Project) => void }) {
  const admin = me.value?.admin === true;
  const folders = useFoldersOf({ project: project.id });
  return (
    <>
      <section class="card section">
        <div class="section-head">
          <h2>{t("people.folders.title")}</h2>
          <span class="quiet">{t("people.folders.sum", { n: project.usage.folders, bytes: bytes(project.usage.bytes) })}</span>
        </div>
        <FolderTable
          folders={folders} none={t(project.usage.folders > 0 ? "people.folders.noneSeen" : "people.folders.noneOfProject")}
          {...(admin ? { all: href(["admin", "folders"], { q: project.title }) } : { open: (f) => href(["files", f.id]) })}
        />
      </section>
      <section class="card section">
        <div class="section-head">
          <h2>{t("people.limits.title")}</h2>
          {admin && <Button icon="gauge" onClick={() => setProjectLimits(project, onLimits)}>{t("people.projects.limits")}</Button>}
        </div>
        <LimitList limits={project.limits} effective={project.effectiveLimits} most={mostOf(project.usage, folders.value)} />
        {!admin && <p class="quiet">{t("people.limits.byAdmins")}</p>}
      </section>
    </>
  );
}
