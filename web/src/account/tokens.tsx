// Tokens: passwords for one device or program each, narrowed to what that needs.
import { useState } from "preact/hooks";
import { at, del, get, post } from "../api.ts";
import { useLoad } from "../load.ts";
import { href } from "../route.ts";
import { me } from "../session.ts";
import { rich, t } from "../text.ts";
import { Button } from "../ui/button.tsx";
import { confirm, FormDialog, openDialog } from "../ui/dialog.tsx";
import { Empty, Loaded, toast } from "../ui/feedback.tsx";
import { Checkbox, Field, Select } from "../ui/form.tsx";
import { Name } from "../ui/name.tsx";
import { Time } from "../ui/page.tsx";
import { Table } from "../ui/table.tsx";
import { visible } from "../format.ts";
import { foldersSeen, type FolderChoice } from "./folders.ts";
import { lives, tokens, type Token } from "./token.ts";
import { Ends, LastUse, quoted, showSecrets } from "./use.tsx";

type Option = { name: string; title: string; description: string };

export function Tokens() {
  const list = useLoad(async (signal) => {
    const [all, folders, options] = await Promise.all([
      tokens(signal), foldersSeen(signal), get<{ byProvider: { [provider: string]: { availablePermissions: Option[] } } }>("/api/tokens/retrieveOptions", {}, signal),
    ]);
    return { tokens: all.filter((k) => k.kind === "token"), folders, options: options.byProvider[""]?.availablePermissions ?? [] };
  }, []);
  const revoke = async (k: Token) => {
    const done = await confirm({
      title: t("account.tokenRevokeTitle"),
      body: (
        <>
          <p>{quoted("account.tokenRevokeBody", k.title)}</p>
          <p>{t("account.tokenRevokeAfter")}</p>
        </>
      ),
      action: t("account.revoke"),
      danger: true,
      run: () => del(at`/api/davit/tokens/${k.id}`),
    });
    if (done) {
      toast(t("account.tokenRevoked"));
      list.reload();
    }
  };
  const make = () => {
    if (list.value) {
      const { folders, options } = list.value;
      openDialog((close) => <NewToken folders={folders} options={options.filter((o) => o.name !== "all")} onClose={close} onMade={list.reload} />);
    }
  };
  return (
    <section class="section" aria-labelledby="account-tokens">
      <div class="page-head">
        <h2 id="account-tokens">{t("account.tokensTitle")}</h2>
        <div class="page-actions"><Button icon="add" kind="primary" disabled={!list.value} onClick={make}>{t("account.tokenMake")}</Button></div>
      </div>
      <p>{rich("account.tokensAbout", { mount: <a href={href(["mount"])}>{t("nav.mount")}</a> })}</p>
      <Loaded of={list}>
        {({ tokens, folders, options }) =>
          tokens.length === 0 ? (
            <Empty icon="lock" title={t("account.tokensNone")}><p>{t("account.tokensNoneAbout")}</p></Empty>
          ) : (
            <Table
              caption={t("account.tokensTitle")}
              rows={tokens}
              rowKey={(k) => k.id}
              columns={[
                { id: "title", head: t("account.tokenTitle"), cell: (k) => (
                  <div class="cell-lines">
                    <strong><Name text={k.title} /></strong>
                    {k.description && <span class="quiet"><Name text={k.description} /></span>}
                  </div>
                ) },
                { id: "opens", head: t("account.tokenOpens"), cell: (k) => <Opens token={k} folders={folders} options={options} /> },
                { id: "created", head: t("account.created"), cell: (k) => <Time at={k.created} /> },
                { id: "ends", head: t("account.ends"), cell: (k) => <Ends at={k.expires} /> },
                { id: "used", head: t("account.lastUse"), cell: (k) => <LastUse at={k.lastUsed} address={k.lastAddress} agent={k.lastAgent} /> },
                { id: "revoke", head: t("account.actions"), hideHead: true, end: true, cell: (k) => <Button aria-label={t("account.revokeOf", { what: visible(k.title) })} onClick={() => void revoke(k)}>{t("account.revoke")}</Button> },
              ]}
            />
          )
        }
      </Loaded>
    </section>
  );
}

/** What a token opens, in words. */
function Opens({ token, folders, options }: { token: Token; folders: readonly FolderChoice[]; options: readonly Option[] }) {
  const title = (id: string) => folders.find((f) => f.id === id)?.title;
  const project = token.workspace ? me.value?.workspaces.find((w) => w.id === token.workspace)?.title ?? token.workspace : token.workspace;
  return (
    <div class="cell-lines">
      {token.folders === null ? (
        <span>{t("account.allFolders")}</span>
      ) : (
        token.folders.slice(0, 5).map((f) => {
          const name = title(f.id);
          return (
            <span key={f.id}>
              {name === undefined ? <span class="quiet">{t("account.folderGone")}</span> : <a href={href(["files", f.id])}><Name text={name} /></a>}
              {f.readOnly && !token.readOnly && <> <span class="badge">{t("account.readOnly")}</span></>}
            </span>
          );
        })
      )}
      {token.folders && token.folders.length > 5 && <span class="quiet">{t("account.moreFolders", { n: token.folders.length - 5 })}</span>}
      <span class="quiet">
        {[
          token.readOnly ? t("account.readOnly") : "",
          token.scopes === null ? t(token.folders ? "account.everythingThere" : "account.everything") : token.scopes.map((s) => scopeWords(s, options)).join(", "),
          project === undefined ? "" : project === "" ? t("account.inOwn") : t("account.inProject", { project: visible(project) }),
        ].filter(Boolean).join(" · ")}
      </span>
    </div>
  );
}

function scopeWords(scope: string, options: readonly Option[]): string {
  const [path = "", action = ""] = scope.split(":");
  const title = options.find((o) => o.name === path)?.title ?? path;
  return action === "read" ? t("account.scopeRead", { what: title }) : t("account.scopeWrite", { what: title });
}

function NewToken({ folders, options, onClose, onMade }: { folders: readonly FolderChoice[]; options: readonly Option[]; onClose: () => void; onMade: () => void }) {
  const [use, setUse] = useState<"webdav" | "all" | "some">("webdav");
  const [some, setSome] = useState(false);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [find, setFind] = useState("");
  const [readOnly, setReadOnly] = useState(false);
  const [scopes, setScopes] = useState<ReadonlySet<string>>(new Set());
  const [life, setLife] = useState("90d");
  const toggled = (set: ReadonlySet<string>, value: string, on: boolean) => {
    const next = new Set(set);
    if (on) {
      next.add(value);
    } else {
      next.delete(value);
    }
    return next;
  };
  const found = folders.filter((f) => f.title.toLocaleLowerCase().includes(find.toLocaleLowerCase()));
  const action = readOnly ? "read" : "write";
  const submit = async (form: FormData) => {
    const day = String(form.get("day") ?? "");
    const made = await post<Token>("/api/davit/tokens", {
      title: String(form.get("title")).trim(),
      description: String(form.get("description")).trim() || null,
      folders: some ? folders.filter((f) => chosen.has(f.id)).map((f) => ({ id: f.id, readOnly: readOnly || f.readOnly })) : null,
      readOnly,
      scopes: use === "all" ? null : use === "webdav" ? [`webdav:${action}`] : [...scopes].map((s) => `${s}:${action}`),
      ...(life === "day" ? { expires: endOf(day) } : life === "" ? {} : { expiresIn: life }),
    });
    onMade();
    showSecrets(t("account.tokenMade"), t("account.tokenMadeAbout", { name: visible(me.value?.name ?? "") }), [{ label: t("account.token"), text: made.token ?? "", secret: true }]);
  };
  return (
    <FormDialog title={t("account.tokenMake")} action={t("account.tokenMakeAction")} wide onClose={onClose} onSubmit={submit} disabled={(some && chosen.size === 0) || (use === "some" && scopes.size === 0)}>
      <Field label={t("account.tokenTitle")} name="title" required maxLength={200} autofocus hint={t("account.tokenTitleHint")} />
      <Field label={t("account.tokenDescription")} name="description" maxLength={1000} />
      <Select
        label={t("account.tokenUse")}
        value={use}
        choices={[{ value: "webdav", label: t("account.useWebdav") }, { value: "some", label: t("account.useSome") }, { value: "all", label: t("account.useAll") }]}
        onChange={(e) => setUse(e.currentTarget.value as typeof use)}
      />
      {use === "some" && (
        <fieldset>
          <legend>{t("account.scopes")}</legend>
          <div class="checks">
            {options.map((o) => <Checkbox key={o.name} label={o.title} hint={o.description} checked={scopes.has(o.name)} onChange={(e) => setScopes(toggled(scopes, o.name, e.currentTarget.checked))} />)}
          </div>
        </fieldset>
      )}
      <Select
        label={t("account.tokenFolders")}
        value={some ? "some" : "all"}
        choices={[{ value: "all", label: t("account.allFolders") }, { value: "some", label: t("account.someFolders"), disabled: folders.length === 0 }]}
        onChange={(e) => setSome(e.currentTarget.value === "some")}
        hint={some ? t("account.someFoldersHint") : undefined}
      />
      {some && (
        <fieldset>
          <legend>{t("account.someFoldersChosen", { n: chosen.size })}</legend>
          {folders.length > 8 && <Field type="search" label={t("account.folderFind")} value={find} onInput={(e) => setFind(e.currentTarget.value)} />}
          <div class="checks">
            {found.map((f) => (
              <Checkbox
                key={f.id}
                label={<><Name text={f.title} />{f.readOnly && <> <span class="badge">{t("account.readOnly")}</span></>}</>}
                checked={chosen.has(f.id)}
                onChange={(e) => setChosen(toggled(chosen, f.id, e.currentTarget.checked))}
              />
            ))}
          </div>
        </fieldset>
      )}
      <Checkbox label={t("account.tokenReadOnly")} checked={readOnly} onChange={(e) => setReadOnly(e.currentTarget.checked)} />
      <Select label={t("account.ends")} value={life} choices={[...lives(), { value: "day", label: t("account.lifeDay") }]} onChange={(e) => setLife(e.currentTarget.value)} hint={life === "" ? t("account.lifeEverHint") : undefined} />
      {life === "day" && <Field label={t("account.lifeLast")} name="day" type="date" required min={today()} />}
    </FormDialog>
  );
}

const today = (): string => {
  const now = new Date();
  return `${now.getFullYear()}-${String(now.getMonth() + 1).padStart(2, "0")}-${String(now.getDate()).padStart(2, "0")}`;
};

/** The end of a day here, as the API takes it. */
function endOf(day: string): string {
  const [y = 0, m = 1, d = 1] = day.split("-").map(Number);
  return new Date(y, m - 1, d, 23, 59, 59).toISOString();
}
