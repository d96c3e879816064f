// API keys, for programs that sign their requests.
import { at, del, get, post } from "../api.ts";
import { useLoad } from "../load.ts";
import { t } from "../text.ts";
import { Button } from "../ui/button.tsx";
import { confirm } from "../ui/dialog.tsx";
import { Empty, Loaded, toast, toastError } from "../ui/feedback.tsx";
import { Time } from "../ui/page.tsx";
import { Table } from "../ui/table.tsx";
import { useState } from "preact/hooks";
import { showSecrets } from "./use.tsx";

type Key = { accessKey: string; secretKey?: string; created: string; lastUsed?: string };

export function Keys() {
  const list = useLoad(async (signal) => (await get<{ keys: Key[] }>("/api/davit/keys", {}, signal)).keys.reverse(), []);
  const [busy, setBusy] = useState(false);
  const make = async () => {
    setBusy(true);
    try {
      const made = await post<Key>("/api/davit/keys");
      showSecrets(t("account.keyMade"), t("account.keyMadeAbout"), [
        { label: t("account.accessKey"), text: made.accessKey },
        { label: t("account.secretKey"), text: made.secretKey ?? "", secret: true },
      ]);
      list.reload();
    } catch (e) {
      toastError(e);
    }
    setBusy(false);
  };
  const revoke = async (k: Key) => {
    const done = await confirm({
      title: t("account.keyRevokeTitle"),
      body: <p>{t("account.keyRevokeBody", { key: k.accessKey })}</p>,
      action: t("account.revoke"),
      danger: true,
      run: () => del(at`/api/davit/keys/${k.accessKey}`),
    });
    if (done) {
      toast(t("account.keyRevoked"));
      list.reload();
    }
  };
  return (
    <section class="section" aria-labelledby="account-keys">
      <div class="page-head">
        <h2 id="account-keys">{t("account.keysTitle")}</h2>
        <div class="page-actions"><Button icon="add" kind="primary" busy={busy} onClick={() => void make()}>{t("account.keyMake")}</Button></div>
      </div>
      <p>{t("account.keysAbout")}</p>
      <Loaded of={list}>
        {(rows) =>
          rows.length === 0 ? (
            <Empty icon="key" title={t("account.keysNone")}><p>{t("account.keysNoneAbout")}</p></Empty>
          ) : (
            <Table
              caption={t("account.keysTitle")}
              rows={rows}
              rowKey={(k) => k.accessKey}
              columns={[
                { id: "key", head: t("account.accessKey"), cell: (k) => <code>{k.accessKey}</code> },
                { id: "created", head: t("account.created"), cell: (k) => <Time at={k.created} /> },
                { id: "used", head: t("account.lastUse"), cell: (k) => <Time at={k.lastUsed} /> },
                { id: "revoke", head: t("account.actions"), hideHead: true, end: true, cell: (k) => <Button aria-label={t("account.revokeOf", { what: k.accessKey })} onClick={() => void revoke(k)}>{t("account.revoke")}</Button> },
              ]}
            />
          )
        }
      </Loaded>
    </section>
  );
}
