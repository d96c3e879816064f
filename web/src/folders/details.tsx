// What is known of a folder: its addresses, its limits, who works in it and what is locked.
import { useState } from "preact/hooks";
import { at, davPath, del, get, post, xmlText } from "../api.ts";
import { date } from "../format.ts";
import { useEvery, useLoad } from "../load.ts";
import { type Folder, type Lock, readUses } from "../model.ts";
import { href } from "../route.ts";
import { me } from "../session.ts";
import { rich, t } from "../text.ts";
import { Button, ButtonLink } from "../ui/button.tsx";
import { confirm } from "../ui/dialog.tsx";
import { Fact, Facts } from "../ui/facts.tsx";
import { Loaded, toast, toastError, Usage } from "../ui/feedback.tsx";
import { CopyText } from "../ui/form.tsx";
import { Name } from "../ui/name.tsx";
import { Time } from "../ui/page.tsx";
import { Table } from "../ui/table.tsx";
import { limitFolder, mayLimit } from "./limits.tsx";
import { Owner } from "./list.tsx";
import { can } from "./model.ts";

export function Details({ folder, reload }: { folder: Folder; reload: () => void }) {
  const { usage } = folder;
  return (
    <>
      <section class="section" aria-labelledby="addresses">
        <h2 id="addresses">{t("folders.details.addresses")}</h2>
        <Address name={t("folders.details.url")} text={location.origin + davPath(folder.id)} />
        <Address name={t("folders.details.id")} text={folder.id} />
        {can(folder, "read") && <p><ButtonLink icon="mount" href={href(["mount", folder.id])}>{t("folders.details.mount")}</ButtonLink></p>}
      </section>
      <section class="section" aria-labelledby="room">
        <h2 id="room">{t("folders.details.room")}</h2>
        <div class="folder-room">
          <Usage label={t("folders.used.bytes")} used={usage.bytes} max={usage.maxBytes} unit="bytes" />
          <Usage label={t("folders.used.files")} used={usage.files} max={usage.maxFiles} unit="files" />
        </div>
        <Facts>
          {usage.available !== undefined && <Fact label={t("folders.details.available")}><Usage label="" used={usage.available} max={null} unit="bytes" /></Fact>}
          {(usage.reserved ?? 0) > 0 && <Fact label={t("folders.details.reserved")}><Usage label="" used={usage.reserved ?? 0} max={null} unit="bytes" /></Fact>}
        </Facts>
        <p class="folder-actions">
          {mayLimit(folder) && <Button icon="gauge" onClick={() => limitFolder(folder, reload)}>{t("folders.menu.limits")}</Button>}
          {(can(folder, "admin") || me.value?.admin) && <Recount folder={folder} reload={reload} />}
        </p>
      </section>
      <section class="section" aria-labelledby="facts">
        <h2 id="facts">{t("folders.details.facts")}</h2>
        <Facts>
          <Fact label={t("folders.owner")}><Owner of={folder} /></Fact>
          {folder.createdBy !== null && <Fact label={t("folders.details.madeBy")}><Name text={folder.createdBy} /></Fact>}
          <Fact label={t("folders.details.created")}>{date(folder.created)}</Fact>
          <Fact label={t("folders.lastUsed")}><Time at={folder.lastUsed} /></Fact>
          <Fact label={t("folders.product")}><Name text={folder.product} /></Fact>
        </Facts>
      </section>
      <UsesNow folder={folder} />
      <Locks folder={folder} />
    </>
  );
}

function Address({ name, text }: { name: string; text: string }) {
  return (
    <div class="field">
      <span class="hint">{name}</span>
      <CopyText label={name} text={text} />
    </div>
  );
}

function Recount({ folder, reload }: { folder: Folder; reload: () => void }) {
  const [busy, setBusy] = useState(false);
  const count = async () => {
    setBusy(true);
    try {
      await post(at`/api/davit/folders/${folder.id}/scan`);
      toast(t("folders.details.counting"));
    } catch (e) {
      toastError(e);
    }
    setBusy(false);
    reload();
  };
  return <Button icon="refresh" busy={busy || folder.scanPending} title={t("folders.details.countHint")} onClick={() => void count()}>{t(folder.scanPending ? "folders.details.counting" : "folders.details.count")}</Button>;
}

function UsesNow({ folder }: { folder: Folder }) {
  const uses = useLoad((signal) => readUses(folder.id, signal), [folder.id]);
  useEvery(10_000, uses.reload);
  return (
    <section class="section" aria-labelledby="uses">
      <h2 id="uses">{t("folders.details.uses")}</h2>
      <Loaded of={uses}>
        {({ uses }) =>
          uses.length === 0 ? (
            <p class="quiet">{t("folders.details.noUse")}</p>
          ) : (
            <Table
              caption={t("folders.details.uses")} rows={uses} rowKey={(u) => `${u.user} ${u.agent} ${u.address} ${u.first}`}
              columns={[
                { id: "user", head: t("folders.details.user"), cell: (u) => <Name text={u.user} /> },
                { id: "agent", head: t("folders.details.agent"), cell: (u) => <Name text={u.agent} /> },
                { id: "address", head: t("folders.details.address"), cell: (u) => (u.address === null ? <span class="quiet">{t("folders.details.notTold")}</span> : u.address) },
                { id: "first", head: t("folders.details.since"), cell: (u) => <Time at={u.first} /> },
                { id: "last", head: t("folders.details.last"), cell: (u) => (u.running > 0 ? t("folders.details.now") : <Time at={u.last} />) },
                { id: "what", head: t("folders.details.requests"), cell: (u) => t("folders.details.readsWrites", { reads: u.reads, writes: u.writes }) },
              ]}
            />
          )
        }
      </Loaded>
    </section>
  );
}

function Locks({ folder }: { folder: Folder }) {
  const locks = useLoad((signal) => get<{ locks: Lock[] }>(at`/api/davit/folders/${folder.id}/locks`, {}, signal), [folder.id]);
  useEvery(10_000, locks.reload);
  const remove = async (l: Lock) => {
    const done = await confirm({
      title: t("folders.locks.removeTitle"),
      body: <p>{rich("folders.locks.removeBody", { user: <Name text={l.user} />, path: <Path of={l} /> })}</p>,
      action: t("folders.locks.remove"),
      danger: true,
      run: () => del(at`/api/davit/folders/${folder.id}/locks/${l.token ?? ""}`),
    });
    if (done) {
      toast(t("folders.locks.removed"));
      locks.reload();
    }
  };
  return (
    <section class="section" aria-labelledby="locks">
      <h2 id="locks">{t("folders.locks.title")}</h2>
      <Loaded of={locks}>
        {({ locks }) =>
          locks.length === 0 ? (
            <p class="quiet">{t("folders.locks.none")}</p>
          ) : (
            <Table
              caption={t("folders.locks.title")} rows={locks} rowKey={(l) => l.token ?? `${l.path} ${l.user} ${l.since}`}
              columns={[
                { id: "path", head: t("folders.locks.what"), cell: (l) => <Path of={l} /> },
                { id: "user", head: t("folders.details.user"), cell: (l) => <Name text={l.user} /> },
                { id: "owner", head: t("folders.locks.says"), cell: (l) => <Name text={xmlText(l.owner).slice(0, 300)} /> },
                { id: "since", head: t("folders.details.since"), cell: (l) => <Time at={l.since} /> },
                { id: "until", head: t("folders.locks.until"), cell: (l) => <Time at={l.until} /> },
                {
                  id: "remove", head: t("folders.menu.head"), hideHead: true, end: true,
                  cell: (l) => l.token !== null && <Button kind="quiet" icon="trash" onClick={() => void remove(l)}>{t("folders.locks.remove")}</Button>,
                },
              ]}
            />
          )
        }
      </Loaded>
    </section>
  );
}

function Path({ of }: { of: Lock }) {
  return of.path === "" ? <>{t("folders.wholeFolder")}</> : <Name text={of.path} />;
}
