// What is done to projects, their members and groups, in dialogs.
import { useState } from "preact/hooks";
import { at, call, patch, post, Problem, put } from "../api.ts";
import { bytes, visible } from "../format.ts";
import type { Group, Member, Role } from "../model.ts";
import { loadMeAfter, me } from "../session.ts";
import { rich, t } from "../text.ts";
import { confirm, FormDialog, openDialog } from "../ui/dialog.tsx";
import { Alert, toast } from "../ui/feedback.tsx";
import { Checkbox, Field, Select } from "../ui/form.tsx";
import { Name } from "../ui/name.tsx";
import { UserField } from "../ui/userfield.tsx";
import { useWrong } from "./errors.ts";
import { mostOf } from "./limits.tsx";
import type { Project } from "./model.ts";
import { LimitsDialog, useFoldersOf } from "./userforms.tsx";

const path = (p: Project) => at`/api/davit/projects/${p.id}`;

/** Roles in the order of what they may. */
export const roles: readonly Role[] = ["PI", "ADMIN", "USER"];

// What is wrong with a title before the server is asked.
function titleFault(title: string): string | undefined {
  return title.trim() === "" ? t("people.projects.wrong.blank")
    : [...title.normalize("NFC")].length > 255 ? t("people.projects.wrong.long")
    : /\p{Cc}/u.test(title) ? t("people.projects.wrong.control")
    : /^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i.test(title) ? t("people.projects.wrong.id")
    : undefined;
}

// taken shows a conflict at the title.
async function taken<T>(say: (wrong: { title: string }) => void, text: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (e) {
    if (e instanceof Problem && e.status === 409) {
      say({ title: text });
    }
    throw e;
  }
}

export function createProject(done: (p: Project) => void): void {
  openDialog((close) => <CreateProject onDone={done} onClose={close} />);
}

function CreateProject({ onDone, onClose }: { onDone: (p: Project) => void; onClose: () => void }) {
  const [pi, setPI] = useState(me.value?.name ?? "");
  const { wrong, say, ask } = useWrong();
  return (
    <FormDialog
      title={t("people.projects.create")}
      action={t("common.create")}
      onClose={onClose}
      onSubmit={async (form) => {
        const title = String(form.get("title"));
        say({ title: titleFault(title), pi: pi.trim() === "" ? t("people.projects.wrong.pi") : undefined });
        const made = await ask(async () => {
          try {
            return await taken(say, t("people.projects.wrong.taken"), () => post<Project>("/api/davit/projects", { title, ...(me.value?.admin && { pi: pi.trim() }) }));
          } catch (e) {
            if (e instanceof Problem && e.message.startsWith("pi: ")) {
              say({ pi: t("people.members.unknown", { name: visible(pi.trim()) }) });
            }
            throw e;
          }
        }, ["title"]);
        await loadMeAfter();
        toast(rich("people.projects.created", { title: <Name text={made.title} /> }));
        onDone(made);
      }}
    >
      <p class="quiet">{t("people.projects.what")}</p>
      <Field label={t("people.projects.name")} name="title" error={wrong["title"]} autofocus />
      {me.value?.admin && <UserField label={t("people.projects.pi")} hint={t("people.projects.piHint")} value={pi} onChange={setPI} />}
      {wrong["pi"] && <p class="field-error" role="alert">{wrong["pi"]}</p>}
    </FormDialog>
  );
}

export function renameProject(p: Project, done: (p: Project) => void): void {
  openDialog((close) => (
    <TitleForm
      heading={rich("people.projects.renameOf", { title: <Name text={p.title} /> })} label={t("people.projects.name")} title={p.title} action={t("common.save")}
      taken={t("people.projects.wrong.taken")}
      save={async (title) => {
        done(await patch<Project>(path(p), { title }));
        await loadMeAfter();
        toast(t("people.saved"));
      }}
      onClose={close}
    />
  ));
}

type TitleProps = { heading: ReturnType<typeof rich> | string; label: string; title: string; action: string; taken: string; save: (title: string) => Promise<void>; onClose: () => void };

function TitleForm({ heading, label, title, action, taken: conflict, save, onClose }: TitleProps) {
  const { wrong, say, ask } = useWrong();
  return (
    <FormDialog
      title={heading}
      action={action}
      onClose={onClose}
      onSubmit={async (form) => {
        const to = String(form.get("title"));
        say({ title: titleFault(to) });
        await ask(() => taken(say, conflict, () => save(to)), ["title"]);
      }}
    >
      <Field label={label} name="title" defaultValue={title} error={wrong["title"]} autofocus />
    </FormDialog>
  );
}

export function setProjectLimits(p: Project, done: (p: Project) => void): void {
  openDialog((close) => <SetProjectLimits project={p} onDone={done} onClose={close} />);
}

function SetProjectLimits({ project, onDone, onClose }: { project: Project; onDone: (p: Project) => void; onClose: () => void }) {
  const folders = useFoldersOf({ project: project.id });
  return (
    <LimitsDialog
      title={rich("people.limits.of", { name: <Name text={project.title} /> })} limits={project.limits} most={mostOf(project.usage, folders.value)}
      save={async (limits) => onDone(await patch<Project>(path(project), { limits }))} onClose={onClose}
    />
  );
}

export function deleteProject(p: Project, done: () => void): void {
  openDialog((close) => <DeleteProject project={p} onDone={done} onClose={close} />);
}

function DeleteProject({ project, onDone, onClose }: { project: Project; onDone: () => void; onClose: () => void }) {
  const [sure, setSure] = useState(false);
  const { wrong, say } = useWrong();
  const { folders: n, bytes: used } = project.usage;
  return (
    <FormDialog
      title={rich("people.projects.deleteOf", { title: <Name text={project.title} /> })}
      action={t("people.projects.deleteAction")}
      danger
      onClose={onClose}
      onSubmit={async () => {
        say({ sure: n > 0 && !sure ? t("people.remove.notSure") : undefined });
        await call("DELETE", path(project), { query: n > 0 ? { deleteFolders: true } : {} });
        await loadMeAfter();
        toast(rich("people.projects.deleted", { title: <Name text={project.title} /> }));
        onDone();
      }}
    >
      <p>{t("people.projects.deleteWhat", { n: project.members })}</p>
      {n > 0 ? (
        <>
          <Alert kind="warning">{t("people.projects.deleteHolds", { n, bytes: bytes(used) })}</Alert>
          <Checkbox label={t("people.remove.sure", { n, bytes: bytes(used) })} checked={sure} onChange={(e) => setSure(e.currentTarget.checked)} />
          {wrong["sure"] && <p class="field-error" role="alert">{wrong["sure"]}</p>}
        </>
      ) : (
        <p>{t("people.projects.deleteHoldsNone")}</p>
      )}
    </FormDialog>
  );
}

export function addMember(p: Project, members: readonly string[], mayPI: boolean, done: () => void): void {
  openDialog((close) => <AddMember project={p} members={members} mayPI={mayPI} onDone={done} onClose={close} />);
}

function AddMember({ project, members, mayPI, onDone, onClose }: { project: Project; members: readonly string[]; mayPI: boolean; onDone: () => void; onClose: () => void }) {
  const [user, setUser] = useState("");
  const [role, setRole] = useState<string>("USER");
  const { wrong, say } = useWrong();
  return (
    <FormDialog
      title={t("people.members.add")}
      action={t("people.members.addAction")}
      onClose={onClose}
      onSubmit={async () => {
        const name = user.trim();
        say({ user: name === "" ? t("people.members.whom") : members.includes(name) ? t("people.members.there", { name: visible(name) }) : undefined });
        try {
          await put<Member>(at`/api/davit/projects/${project.id}/members/${name}`, { role });
        } catch (e) {
          if (e instanceof Problem && e.status === 404) {
            say({ user: t("people.members.unknown", { name: visible(name) }) });
          }
          throw e;
        }
        toast(rich("people.members.added", { name: <Name text={name} /> }));
        onDone();
      }}
    >
      <UserField label={t("people.members.user")} value={user} onChange={setUser} without={members} autofocus />
      {wrong["user"] && <p class="field-error" role="alert">{wrong["user"]}</p>}
      <Select label={t("people.members.role")} value={role} onChange={(e) => setRole(e.currentTarget.value)} choices={roleChoices(mayPI)} hint={t(`people.roles.what.${role as Role}`)} />
    </FormDialog>
  );
}

/** The roles that may be given: a PI alone makes or unmakes one. */
export const roleChoices = (mayPI: boolean) => roles.map((r) => ({ value: r, label: t(`people.roles.${r}`), disabled: r === "PI" && !mayPI }));

export function removeMember(p: Project, m: Member, done: () => void): Promise<boolean> {
  const self = m.user === me.value?.name;
  return confirm({
    title: self ? rich("people.members.leaveOf", { title: <Name text={p.title} /> }) : rich("people.members.removeOf", { name: <Name text={m.user} />, title: <Name text={p.title} /> }),
    body: <p>{t(self ? "people.members.leaveWhat" : "people.members.removeWhat")}</p>,
    action: t(self ? "people.members.leave" : "people.members.remove"),
    danger: true,
    run: async () => {
      await call("DELETE", at`/api/davit/projects/${p.id}/members/${m.user}`);
      toast(self ? rich("people.members.left", { title: <Name text={p.title} /> }) : rich("people.members.removed", { name: <Name text={m.user} /> }));
      if (self) {
        await loadMeAfter();
      }
      done();
    },
  });
}

export function createGroup(p: Project, done: () => void): void {
  openDialog((close) => (
    <TitleForm
      heading={t("people.groups.create")} label={t("people.groups.name")} title="" action={t("common.create")} taken={t("people.groups.taken")}
      save={async (title) => {
        await post<Group>(at`/api/davit/projects/${p.id}/groups`, { title });
        toast(rich("people.groups.created", { title: <Name text={title} /> }));
        done();
      }}
      onClose={close}
    />
  ));
}

export function renameGroup(g: Group, done: () => void): void {
  openDialog((close) => (
    <TitleForm
      heading={rich("people.groups.renameOf", { title: <Name text={g.title} /> })} label={t("people.groups.name")} title={g.title} action={t("common.save")} taken={t("people.groups.taken")}
      save={async (title) => {
        await patch<Group>(at`/api/davit/groups/${g.id}`, { title });
        toast(t("people.saved"));
        done();
      }}
      onClose={close}
    />
  ));
}

export function deleteGroup(g: Group, done: () => void): Promise<boolean> {
  return confirm({
    title: rich("people.groups.deleteOf", { title: <Name text={g.title} /> }),
    body: <p>{t("people.groups.deleteWhat", { n: g.members })}</p>,
    action: t("people.groups.delete"),
    danger: true,
    run: async () => {
      await call("DELETE", at`/api/davit/groups/${g.id}`);
      toast(rich("people.groups.deleted", { title: <Name text={g.title} /> }));
      done();
    },
  });
}
