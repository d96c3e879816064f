// What administrators do to users, in dialogs: made, changed, limited, signed out, removed.
import { useState } from "preact/hooks";
import { at, call, get, messageOf, patch, post, Problem } from "../api.ts";
import { bytes, visible } from "../format.ts";
import { useLoad } from "../load.ts";
import { readAll, type Folder } from "../model.ts";
import { go, route } from "../route.ts";
import { loadMeAfter, me } from "../session.ts";
import { rich, t } from "../text.ts";
import { confirm, FormDialog, openDialog } from "../ui/dialog.tsx";
import { Alert, Spinner, toast } from "../ui/feedback.tsx";
import { Checkbox, Field } from "../ui/form.tsx";
import { Name } from "../ui/name.tsx";
import { UserField } from "../ui/userfield.tsx";
import { useWrong } from "./errors.ts";
import { LimitFields, limitsOf, limitState, mostOf } from "./limits.tsx";
import type { Limits, Products, User } from "./model.ts";
import { chosenPassword, PasswordChoice, showPassword, type PasswordKind } from "./password.tsx";

const path = (u: User) => at`/api/davit/users/${u.name}`;
const isMe = (u: User) => u.id === me.value?.id;

type Done = (u?: User) => void;

// What is wrong with a name before the server is asked (D32).
function nameFault(name: string): string | undefined {
  const length = [...name.normalize("NFC")].length;
  return name === "" ? t("people.users.wrong.nameEmpty")
    : length > 64 ? t("people.users.wrong.nameLong", { n: length })
    : /[:/]/.test(name) ? t("people.users.wrong.nameSigns")
    : /\p{Cc}/u.test(name) ? t("people.users.wrong.nameControl")
    : name === "." || name === ".." ? t("people.users.wrong.nameDots")
    : undefined;
}

/** Reads what "default" stands for. */
const useDefaults = () => useLoad((signal) => get<Products>("/api/davit/products", {}, signal), []);

/** Reads all folders of a user or project: the largest of them are shown, and limits are compared with them. */
export const useFoldersOf = (query: { owner?: string; project?: string }) =>
  useLoad((signal) => readAll<Folder>("/api/davit/folders", { ...query, deleted: false }, signal), [query.owner, query.project]);

export function createUser(done: Done): void {
  openDialog((close) => <CreateUser onDone={done} onClose={close} />);
}

function CreateUser({ onDone, onClose }: { onDone: Done; onClose: () => void }) {
  const [kind, setKind] = useState<PasswordKind>("made");
  const [state, setState] = useState(limitState({ maxFolders: "default", maxBytes: "default", maxFiles: "default" }));
  const [limited, setLimited] = useState(false);
  const { wrong, say, ask } = useWrong();
  const products = useDefaults();
  return (
    <FormDialog
      title={t("people.users.create")}
      action={t("common.create")}
      onClose={onClose}
      onSubmit={async (form) => {
        const name = String(form.get("name")).trim();
        const password = chosenPassword(kind, form);
        const { limits, wrong } = limitsOf(state);
        say({ name: nameFault(name), password: password === "" ? t("people.password.empty") : undefined, ...wrong });
        const made = await ask(async () => {
          try {
            return await post<User>("/api/davit/users", { name, email: String(form.get("email")).trim(), admin: form.get("admin") !== null, password, limits });
          } catch (e) {
            if (e instanceof Problem && e.status === 409) {
              say({ name: t("people.users.wrong.nameTaken", { name: visible(name) }) });
            }
            throw e;
          }
        }, ["name", "email", "password", "maxFolders", "maxBytes", "maxFiles"]);
        onDone(made);
        toast(rich("people.users.createdToast", { name: <Name text={made.name} /> }));
        if (kind === "made") {
          showPassword(t("people.password.firstOf", { name: visible(made.name) }), made.name, password!);
        }
      }}
    >
      <Field label={t("people.users.name")} name="name" autocapitalize="none" hint={t("people.users.nameHint")} error={wrong["name"]} autofocus />
      <Field label={t("people.users.email")} name="email" inputMode="email" hint={t("people.users.emailHint")} error={wrong["email"]} />
      <Checkbox label={t("people.users.admin")} name="admin" hint={t("people.users.adminHint")} />
      <PasswordChoice kind={kind} onKind={setKind} error={wrong["password"]} />
      <details class="more" open={limited || limitNamesIn(wrong)} onToggle={(e) => setLimited(e.currentTarget.open)}>
        <summary>{t("people.users.limitsOptional")}</summary>
        <div class="form">
          <LimitFields state={state} onState={setState} defaults={products.value?.defaults} most={{}} wrong={wrong} />
        </div>
      </details>
    </FormDialog>
  );
}

const limitNamesIn = (wrong: { [field: string]: string | undefined }) => Object.entries(wrong).some(([name, text]) => name.startsWith("max") && text !== undefined);

export function editUser(u: User, done: Done): void {
  openDialog((close) => <EditUser user={u} onDone={done} onClose={close} />);
}

function EditUser({ user, onDone, onClose }: { user: User; onDone: Done; onClose: () => void }) {
  const [admin, setAdmin] = useState(user.admin);
  const { wrong, say, ask } = useWrong();
  return (
    <FormDialog
      title={rich("people.users.editOf", { name: <Name text={user.name} /> })}
      action={t("common.save")}
      onClose={onClose}
      onSubmit={async (form) => {
        say({});
        const email = String(form.get("email")).trim();
        const change = { ...(email !== user.email && { email }), ...(admin !== user.admin && { admin }) };
        const now = await ask(() => lastAdmin(user, () => patch<User>(path(user), change)), ["email"]);
        if (isMe(user)) {
          await loadMeAfter();
        }
        onDone(now);
        toast(t("people.saved"));
      }}
    >
      <Field label={t("people.users.email")} name="email" inputMode="email" defaultValue={user.email} hint={t("people.users.emailHint")} error={wrong["email"]} autofocus />
      <Checkbox label={t("people.users.admin")} checked={admin} onChange={(e) => setAdmin(e.currentTarget.checked)} hint={t("people.users.adminHint")} />
      {isMe(user) && user.admin && !admin && <Alert kind="warning">{t("people.users.unmakeMe")}</Alert>}
    </FormDialog>
  );
}

// lastAdmin says what to do where the server refuses to lose its last administrator.
async function lastAdmin<T>(user: User, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (e) {
    throw e instanceof Problem && e.status === 403 && user.admin ? new Problem(403, e.code, t("people.users.lastAdmin", { name: visible(user.name) })) : e;
  }
}

export function setPassword(u: User, done: Done): void {
  openDialog((close) => <SetPassword user={u} onDone={done} onClose={close} />);
}

function SetPassword({ user, onDone, onClose }: { user: User; onDone: Done; onClose: () => void }) {
  const [kind, setKind] = useState<PasswordKind>("made");
  const { wrong, say, ask } = useWrong();
  return (
    <FormDialog
      title={rich("people.password.setOf", { name: <Name text={user.name} /> })}
      action={t("people.password.set")}
      onClose={onClose}
      onSubmit={async (form) => {
        const password = chosenPassword(kind, form);
        say({ password: password === "" ? t("people.password.empty") : undefined });
        const now = await ask(() => patch<User>(path(user), { password }), ["password"]);
        onDone(now);
        toast(t(kind === "none" ? "people.password.removed" : "people.password.changed"));
        if (kind === "made") {
          showPassword(t("people.password.newOf", { name: visible(user.name) }), user.name, password!);
        }
      }}
    >
      <p>{t("people.password.endsSessions")}</p>
      <PasswordChoice kind={kind} onKind={setKind} error={wrong["password"]} />
      {isMe(user) && <Alert kind="warning">{t("people.password.own")}</Alert>}
    </FormDialog>
  );
}

export function setLimits(u: User, done: Done): void {
  openDialog((close) => <SetLimits user={u} onDone={done} onClose={close} />);
}

function SetLimits({ user, onDone, onClose }: { user: User; onDone: Done; onClose: () => void }) {
  const folders = useFoldersOf({ owner: user.name });
  return (
    <LimitsDialog
      title={rich("people.limits.of", { name: <Name text={user.name} /> })} limits={user.limits} most={mostOf(user.usage, folders.value)}
      save={async (limits) => { onDone(await patch<User>(path(user), { limits })); }} onClose={onClose}
    />
  );
}

type LimitsDialogProps = { title: ReturnType<typeof rich>; limits: Limits; most: ReturnType<typeof mostOf>; save: (limits: Limits) => Promise<void>; onClose: () => void };

/** The dialog for the limits of a user or project. */
export function LimitsDialog({ title, limits, most, save, onClose }: LimitsDialogProps) {
  const [state, setState] = useState(limitState(limits));
  const { wrong, say, ask } = useWrong();
  const products = useDefaults();
  return (
    <FormDialog
      title={title}
      action={t("common.save")}
      onClose={onClose}
      onSubmit={async () => {
        const { limits, wrong } = limitsOf(state);
        say(wrong);
        await ask(() => save(limits), ["maxFolders", "maxBytes", "maxFiles"]);
        toast(t("people.saved"));
      }}
    >
      <p class="quiet">{t("people.limits.what")}</p>
      <LimitFields state={state} onState={setState} defaults={products.value?.defaults} most={most} wrong={wrong} />
    </FormDialog>
  );
}

/** Ends all that the user signs in with, but the password. */
export function revokeUser(u: User, done: Done): Promise<boolean> {
  return confirm({
    title: rich("people.access.revokeOf", { name: <Name text={u.name} /> }),
    body: (
      <>
        <p>{t("people.access.revokeWhat")}</p>
        {isMe(u) && <Alert kind="warning">{t("people.access.revokeMe")}</Alert>}
      </>
    ),
    action: t("people.access.revoke"),
    danger: true,
    run: async () => {
      await call("DELETE", `${path(u)}/credentials`);
      done();
      toast(t("people.access.revoked"));
    },
  });
}

export function deleteUser(u: User, done: Done): void {
  openDialog((close) => <DeleteUser user={u} onDone={done} onClose={close} />);
}

function DeleteUser({ user, onDone, onClose }: { user: User; onDone: Done; onClose: () => void }) {
  const now = useLoad((signal) => get<User>(path(user), {}, signal), [user.name]); // lists are a moment old
  const [what, setWhat] = useState<"" | "nothing" | "transfer" | "delete">("");
  const [heir, setHeir] = useState("");
  const [sure, setSure] = useState(false);
  const { wrong, say, ask } = useWrong();
  const has = (now.value?.usage.folders ?? 0) > 0;
  const choice = what === "" && now.value && !has ? "nothing" : what;
  const radio = (value: "nothing" | "transfer" | "delete") => (
    <label class="radio">
      <input type="radio" name="what" value={value} checked={choice === value} onChange={() => setWhat(value)} />
      <span>{t(`people.remove.${value}`)}<span class="hint">{t(`people.remove.${value}Hint`)}</span></span>
    </label>
  );
  return (
    <FormDialog
      title={rich("people.remove.title", { name: <Name text={user.name} /> })}
      action={t("people.remove.action")}
      danger
      disabled={!now.value}
      onClose={onClose}
      onSubmit={async () => {
        say({
          what: choice === "" ? t("people.remove.choose") : undefined,
          transferTo: choice === "transfer" && heir.trim() === "" ? t("people.remove.toWhom") : undefined,
          sure: choice === "delete" && has && !sure ? t("people.remove.notSure") : undefined,
        });
        const query = choice === "transfer" ? { transferTo: heir.trim() } : choice === "delete" ? { deleteFolders: true } : {};
        await ask(() => lastAdmin(user, () => call("DELETE", path(user), { query })), ["transferTo"]);
        onDone();
        toast(rich("people.remove.done", { name: <Name text={user.name} /> }));
        if (isMe(user)) {
          await loadMeAfter();
        } else if (route.value.path[1] === "users" && route.value.path[2] === user.name) {
          go("#/admin/users", true);
        }
      }}
    >
      <p>{t("people.remove.what")}</p>
      {now.error !== undefined && <Alert kind="error">{messageOf(now.error)}</Alert>}
      {!now.value && now.error === undefined && <Spinner />}
      {now.value && (
        <>
          <p><strong>{has ? t("people.remove.holds", { n: now.value.usage.folders, bytes: bytes(now.value.usage.bytes) }) : t("people.remove.holdsNone")}</strong></p>
          <fieldset class="radios" aria-describedby={wrong["what"] ? "what-wrong" : undefined}>
            <legend>{t("people.remove.folders")}</legend>
            {!has && radio("nothing")}
            {radio("transfer")}
            {choice === "transfer" && (
              <>
                <UserField label={t("people.remove.heir")} value={heir} onChange={setHeir} without={[user.name]} />
                {wrong["transferTo"] && <p class="field-error" role="alert">{wrong["transferTo"]}</p>}
              </>
            )}
            {has && radio("delete")}
            {choice === "delete" && (
              <>
                <Checkbox label={t("people.remove.sure", { n: now.value.usage.folders, bytes: bytes(now.value.usage.bytes) })} checked={sure} onChange={(e) => setSure(e.currentTarget.checked)} />
                {wrong["sure"] && <p class="field-error" role="alert">{wrong["sure"]}</p>}
              </>
            )}
            {wrong["what"] && <p id="what-wrong" class="field-error" role="alert">{wrong["what"]}</p>}
          </fieldset>
          {isMe(user) && <Alert kind="warning">{t("people.remove.me")}</Alert>}
        </>
      )}
    </FormDialog>
  );
}
