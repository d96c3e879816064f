// Who uses folders over WebDAV now, and the mounts that are valid.
import { at, del, get } from "../api.ts";
import type { ViewProps } from "../app.tsx";
import { visible } from "../format.ts";
import { useEvery, useLoad } from "../load.ts";
import type { Mount, Use } from "../model.ts";
import { usePages } from "../ui/pages.tsx";
import { Search } from "../ui/search.tsx";
import { rich, t } from "../text.ts";
import { Button } from "../ui/button.tsx";
import { confirm } from "../ui/dialog.tsx";
import { Alert, Empty, Loaded, toast } from "../ui/feedback.tsx";
import { Name } from "../ui/name.tsx";
import { Page, Time } from "../ui/page.tsx";
import { Table, type Column } from "../ui/table.tsx";
import { FolderLink, UserLink } from "./links.tsx";
import { Paged, useQuery } from "./list.tsx";
import { UsesTable } from "./uses.tsx";

export default function Mounts(_: ViewProps) {
  const [value, setQuery] = useQuery();
  const user = value("user");
  const active = useLoad((signal) => get<{ items: Use[]; more: number }>("/api/davit/mounts/active", {}, signal), []);
  const mounts = usePages<Mount>("/api/davit/mounts", { ...(user === "" ? { all: "true" } : { user }), sortDirection: "descending" }, 25);
  const both = () => { active.reload(); mounts.reload(); };
  useEvery(5000, () => {
    if (!active.busy && !mounts.busy) {
      both();
    }
  });
  const name = (m: Mount) => m.title || t("admin.mounts.untitled");
  const revoke = (m: Mount) =>
    void confirm({
      title: rich("admin.mounts.revokeTitle", { title: <Name text={name(m)} /> }), danger: true, action: t("admin.mounts.revoke"),
      body: (
        <>
          {m.active && <Alert kind="warning">{rich("admin.mounts.revokeActive", { user: <Name text={m.user} /> })}</Alert>}
          <p>{rich("admin.mounts.revokeWhat", { user: <Name text={m.user} /> })}</p>
        </>
      ),
      run: async () => {
        await del(at`/api/davit/mounts/${m.id}`);
        toast(rich("admin.mounts.revoked", { title: <Name text={name(m)} /> }));
        both();
      },
    });
  const columns: Column<Mount>[] = [
    {
      id: "title", head: t("admin.mounts.mount"),
      cell: (m) => (
        <div class="watch-stack">
          <strong>{m.title === "" ? t("admin.mounts.untitled") : <Name text={m.title} />}</strong>
          <span class="quiet"><UserLink name={m.user} /></span>
        </div>
      ),
    },
    {
      id: "folders", head: t("people.sections.folders"),
      cell: (m) => (
        <ul class="watch-bare">
          {m.folders.map((f) => (
            <li key={f.id}>
              {f.title === null ? <span class="quiet">{t("admin.mounts.lost")}</span> : <><FolderLink id={f.id} title={f.title} /> <span class="quiet">{t(f.permission === "rw" ? "admin.mounts.rw" : "admin.mounts.ro")}</span></>}
            </li>
          ))}
        </ul>
      ),
    },
    {
      id: "used", head: t("admin.mounts.lastUse"),
      cell: (m) => (
        <div class="watch-stack">
          {m.active ? <span class="badge good">{t("admin.mounts.active")}</span> : <Time at={m.lastUsed} none={t("admin.mounts.unused")} />}
          {m.lastAgent !== null && <span class="quiet watch-cut"><Name text={m.lastAgent} /></span>}
          {m.lastAddress !== null && <span class="quiet">{m.lastAddress}</span>}
        </div>
      ),
    },
    { id: "created", head: t("admin.mounts.created"), cell: (m) => <Time at={m.created} /> },
    { id: "expires", head: t("admin.mounts.expires"), cell: (m) => <Time at={m.expires} /> },
    {
      id: "actions", head: t("admin.folders.actions"), hideHead: true, end: true,
      cell: (m) => <Button icon="trash" aria-label={t("admin.mounts.revokeOf", { title: visible(name(m)), user: visible(m.user) })} onClick={() => revoke(m)}>{t("admin.mounts.revoke")}</Button>,
    },
  ];
  return (
    <Page title={t("people.sections.mounts")} actions={<Button icon="refresh" onClick={both}>{t("admin.refresh")}</Button>}>
      <section class="section" aria-labelledby="active">
        <h2 id="active">{t("admin.mounts.now")}</h2>
        <p class="quiet">{t("admin.mounts.nowWhat")}</p>
        <Loaded of={active}>
          {(a) =>
            a.items.length === 0 ? (
              <Empty icon="mount" title={t("admin.mounts.nobody")} />
            ) : (
              <>
                <UsesTable caption={t("admin.mounts.now")} uses={a.items} />
                {a.more > 0 && <p class="quiet">{t("admin.mounts.more", { n: a.more })}</p>}
              </>
            )
          }
        </Loaded>
      </section>
      <section class="section" aria-labelledby="valid">
        <h2 id="valid">{t("admin.mounts.valid")}</h2>
        <p class="quiet">{t("admin.mounts.validWhat")}</p>
        <div class="toolbar watch-filters"><Search label={t("admin.mounts.ofUser")} value={user} onSearch={(user) => setQuery({ user })} /></div>
        <Paged
          pages={mounts} label={t("admin.mounts.pages")} shown={(n) => t("admin.mounts.shown", { n })}
          empty={<Empty icon="mount" title={user === "" ? t("admin.mounts.none") : t("admin.mounts.noneOf")}><p>{t("admin.mounts.noneWhy")}</p></Empty>}
        >
          {(rows) => <Table caption={t("admin.mounts.valid")} columns={columns} rows={rows} rowKey={(m) => m.id} />}
        </Paged>
      </section>
    </Page>
  );
}
