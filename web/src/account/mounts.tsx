// Mounts in compute kernels: tokens for some folders and some time, with their ends.
import { useState } from "preact/hooks";
import { at, del, post } from "../api.ts";
import { visible } from "../format.ts";
import { useLoad } from "../load.ts";
import { type Mount, readAll } from "../model.ts";
import { href } from "../route.ts";
import { t } from "../text.ts";
import { Button, ButtonLink } from "../ui/button.tsx";
import { confirm, FormDialog, openDialog } from "../ui/dialog.tsx";
import { Empty, Loaded, toast } from "../ui/feedback.tsx";
import { Select, type Choice } from "../ui/form.tsx";
import { Name } from "../ui/name.tsx";
import { Time } from "../ui/page.tsx";
import { Table } from "../ui/table.tsx";
import { Ends, LastUse, quoted } from "./use.tsx";

/** How long a mount may live, as lifetime takes it. */
export const mountLives = (): Choice[] => ["1h", "12h", "24h", "7d", "30d"].map((value) => ({ value, label: t(`account.life${value}` as "account.life1h") }));

const all = async (signal: AbortSignal): Promise<Mount[]> => (await readAll<Mount>("/api/davit/mounts", {}, signal)).reverse();

export function Mounts() {
  const list = useLoad(all, []);
  const revoke = async (m: Mount) => {
    const done = await confirm({
      title: t("account.mountRevokeTitle"),
      body: <><p>{quoted("account.mountRevokeBody", m.title || m.id)}</p>{m.active && <p>{t("account.mountRevokeActive")}</p>}</>,
      action: t("account.revoke"),
      danger: true,
      run: () => del(at`/api/davit/mounts/${m.id}`),
    });
    if (done) {
      toast(t("account.mountRevoked"));
      list.reload();
    }
  };
  const renew = (m: Mount) => openDialog((close) => <Renew mount={m} onClose={close} onDone={list.reload} />);
  const name = (m: Mount) => visible(m.title || (m.folders[0]?.title ?? m.id));
  return (
    <section class="section" aria-labelledby="account-mounts">
      <div class="page-head">
        <h2 id="account-mounts">{t("account.mountsTitle")}</h2>
        <div class="page-actions"><ButtonLink icon="add" kind="primary" href={href(["mount"], { on: "kernel" })}>{t("account.mountMake")}</ButtonLink></div>
      </div>
      <p>{t("account.mountsAbout")}</p>
      <Loaded of={list}>
        {(rows) =>
          rows.length === 0 ? (
            <Empty icon="mount" title={t("account.mountsNone")}><p>{t("account.mountsNoneAbout")}</p></Empty>
          ) : (
            <Table
              caption={t("account.mountsTitle")}
              rows={rows}
              rowKey={(m) => m.id}
              columns={[
                { id: "title", head: t("account.tokenTitle"), cell: (m) => <div class="cell-lines"><strong>{m.title ? <Name text={m.title} /> : <code>{m.id}</code>}</strong>{m.active && <span><span class="badge good">{t("account.mountActive")}</span></span>}</div> },
                { id: "folders", head: t("account.mountFolders"), cell: (m) => (
                  <div class="cell-lines">
                    {m.folders.map((f) => <span key={f.id}>{f.title === null ? <span class="quiet">{t("account.folderGone")}</span> : <Name text={f.title} />}{f.permission === "ro" && <> <span class="badge">{t("account.readOnly")}</span></>}</span>)}
                  </div>
                ) },
                { id: "created", head: t("account.created"), cell: (m) => <Time at={m.created} /> },
                { id: "ends", head: t("account.ends"), cell: (m) => <Ends at={m.expires} /> },
                { id: "used", head: t("account.lastUse"), cell: (m) => <LastUse at={m.lastUsed} address={m.lastAddress} agent={m.lastAgent} /> },
                { id: "do", head: t("account.actions"), hideHead: true, end: true, cell: (m) => (
                  <div class="toolbar">
                    <Button aria-label={t("account.renewOf", { what: name(m) })} onClick={() => renew(m)}>{t("account.renew")}</Button>
                    <Button aria-label={t("account.revokeOf", { what: name(m) })} onClick={() => void revoke(m)}>{t("account.revoke")}</Button>
                  </div>
                ) },
              ]}
            />
          )
        }
      </Loaded>
    </section>
  );
}

function Renew({ mount, onClose, onDone }: { mount: Mount; onClose: () => void; onDone: () => void }) {
  const [life, setLife] = useState("24h");
  return (
    <FormDialog
      title={t("account.renewTitle")}
      action={t("account.renew")}
      onClose={onClose}
      onSubmit={async () => {
        await post(at`/api/davit/mounts/${mount.id}/renew`, { lifetime: life });
        toast(t("account.renewed"));
        onDone();
      }}
    >
      <p>{t("account.renewBody")}</p>
      <Select label={t("account.renewFor")} value={life} choices={mountLives()} onChange={(e) => setLife(e.currentTarget.value)} />
    </FormDialog>
  );
}
