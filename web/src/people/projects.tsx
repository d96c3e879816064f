// Projects: all of them for administrators, under #/admin/projects; the caller's own for everybody else, under
// #/projects. Who leads a project manages it at either place.
import { useContext } from "preact/hooks";
import type { ViewProps } from "../app.tsx";
import { visible } from "../format.ts";
import type { Role } from "../model.ts";
import { go, goUnlessLeft, href, route } from "../route.ts";
import { me } from "../session.ts";
import { t } from "../text.ts";
import { Button } from "../ui/button.tsx";
import { Empty, Loaded, Usage } from "../ui/feedback.tsx";
import { MenuButton, type MenuItem } from "../ui/menu.tsx";
import { Name } from "../ui/name.tsx";
import { Page, Time } from "../ui/page.tsx";
import { Table, type Column } from "../ui/table.tsx";
import type { Project } from "./model.ts";
import { Pager, usePages } from "../ui/pages.tsx";
import { ProjectPage } from "./project.tsx";
import { createProject, deleteProject, renameProject, setProjectLimits } from "./projectforms.tsx";
import { Base } from "./projectplace.ts";
import { Search } from "../ui/search.tsx";

export default function Projects({ args }: ViewProps) {
  const all = route.value.path[0] === "admin";
  const id = args[0];
  return <Base.Provider value={all ? ["admin", "projects"] : ["projects"]}>{id ? <ProjectPage key={id} id={id} /> : <ProjectList all={all} />}</Base.Provider>;
}

function ProjectList({ all }: { all: boolean }) {
  const base = useContext(Base);
  const query = route.value.query.get("query") ?? "";
  const pages = usePages<Project>("/api/davit/projects", { all: all ? "true" : undefined, query: query || undefined });
  const place = (p: Project) => href([...base, p.id]);
  const columns: Column<Project>[] = [
    { id: "title", head: t("people.projects.name"), cell: (p) => <a class="row-name" href={place(p)}><Name text={p.title} /></a> },
    { id: "role", head: t("people.projects.role"), cell: (p) => (p.role ? <span class="badge">{roleName(p.role)}</span> : <span class="quiet">{t("people.projects.noMember")}</span>) },
    { id: "members", head: t("people.projects.members"), end: true, cell: (p) => t("people.projects.memberCount", { n: p.members }) },
    { id: "folders", head: t("people.projects.folders"), cell: (p) => <Usage used={p.usage.folders} max={p.effectiveLimits.maxFolders} unit="folders" label={t("people.projects.foldersOf", { title: visible(p.title) })} /> },
    { id: "used", head: t("people.users.used"), end: true, cell: (p) => <Usage used={p.usage.bytes} max={null} unit="bytes" label="" /> },
    { id: "created", head: t("people.users.created"), cell: (p) => <Time at={p.created} /> },
    { id: "menu", head: t("people.actions"), hideHead: true, end: true, cell: (p) => <MenuButton label={t("people.projects.menu", { title: visible(p.title) })} icon="dots" items={() => projectItems(p, place(p), pages.reload)} /> },
  ];
  return (
    <Page
      title={t(all ? "people.projects.all" : "people.projects.own")}
      actions={me.value?.mayCreateProjects && <Button icon="add" kind="primary" onClick={() => { const goOn = goUnlessLeft(); createProject((p) => goOn(place(p))); }}>{t("people.projects.create")}</Button>}
    >
      <div class="toolbar">
        <Search label={t("people.projects.search")} value={query} onSearch={(text) => go(href([...base], { query: text }), true)} />
      </div>
      <Loaded of={pages}>
        {(page) =>
          page.items.length > 0 ? (
            <Table caption={t("people.sections.projects")} columns={columns} rows={page.items} rowKey={(p) => p.id} />
          ) : query !== "" ? (
            <Empty icon="users" title={t("people.projects.noneFound")}><p>{t("people.projects.noneFoundWhy")}</p></Empty>
          ) : (
            <Empty icon="users" title={t("people.projects.none")}><p>{t("people.projects.what")}</p></Empty>
          )
        }
      </Loaded>
      <Pager pages={pages} label={t("people.projects.pages")} />
    </Page>
  );
}

function projectItems(p: Project, place: string, reload: () => void): MenuItem[] {
  const manages = me.value?.admin || p.role === "PI" || p.role === "ADMIN";
  return [
    { label: t("people.projects.open"), icon: "users", run: () => go(place) },
    ...(manages ? [{ label: t("people.projects.rename"), icon: "edit" as const, run: () => renameProject(p, reload) }] : []),
    ...(me.value?.admin ? [{ label: t("people.projects.limits"), icon: "gauge" as const, run: () => setProjectLimits(p, reload) }] : []),
    ...(me.value?.admin || p.role === "PI" ? [{ label: t("people.projects.delete"), icon: "trash" as const, danger: true, separated: true, run: () => deleteProject(p, reload) }] : []),
  ];
}

const roleName = (r: Role): string => t(`people.roles.${r}`);
