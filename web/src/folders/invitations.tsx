// #/invitations: folders that others offer, and what one has offered oneself.
import { useEffect, useState } from "preact/hooks";
import type { ViewProps } from "../app.tsx";
import { at, post } from "../api.ts";
import { visible } from "../format.ts";
import { useEvery, useLoad } from "../load.ts";
import { href } from "../route.ts";
import { rich, t } from "../text.ts";
import { Button } from "../ui/button.tsx";
import { Empty, Loaded, toast, toastError } from "../ui/feedback.tsx";
import { Name } from "../ui/name.tsx";
import { Page, Time } from "../ui/page.tsx";
import { Table } from "../ui/table.tsx";
import { refreshCatalog } from "./catalog.tsx";
import { type Invitation, readInvitations } from "./pending.ts";
import { FolderPlaces } from "./places.tsx";
import { Withdraw } from "./withdraw.tsx";

export default function InvitationsView(_: ViewProps) {
  const all = useLoad(readInvitations, []);
  useEffect(() => {
    addEventListener("focus", all.reload);
    return () => removeEventListener("focus", all.reload);
  }, []);
  useEvery(30_000, all.reload);
  return (
    <Page title={t("folders.invitations.title")} class="folders">
      <FolderPlaces />
      <Loaded of={all}>
        {({ received, sent }) => (
          <>
            <section class="section" aria-labelledby="invitations-received">
              <h2 id="invitations-received">{t("folders.invitations.received")}</h2>
              {received.length === 0 ? (
                <Empty icon="mail" title={t("folders.invitations.none")}><p class="folders-empty">{t("folders.invitations.what")}</p></Empty>
              ) : (
                <ul class="invitations">{received.map((i) => <Received key={i.id} of={i} done={all.reload} />)}</ul>
              )}
            </section>
            {sent.length > 0 && (
              <section class="section" aria-labelledby="invitations-sent">
                <h2 id="invitations-sent">{t("folders.invitations.sent")}</h2>
                <Table
                  caption={t("folders.invitations.sent")} rows={sent} rowKey={(i) => i.id}
                  columns={[
                    { id: "invitee", head: t("folders.invitations.to"), cell: (i) => <Name text={i.invitee} /> },
                    { id: "folder", head: t("folders.invitations.folder"), cell: (i) => <a href={href(["folders", i.folderId])}><Name text={i.folder} /></a> },
                    { id: "permission", head: t("folders.sharing.may"), cell: (i) => t(`folders.permission.${i.permission}`) },
                    { id: "created", head: t("folders.invitations.when"), cell: (i) => <Time at={i.created} /> },
                    { id: "actions", head: t("folders.menu.head"), hideHead: true, end: true, cell: (i) => <Withdraw of={i} done={all.reload} /> },
                  ]}
                />
              </section>
            )}
          </>
        )}
      </Loaded>
    </Page>
  );
}

function Received({ of, done }: { of: Invitation; done: () => void }) {
  const [busy, setBusy] = useState("");
  const answer = async (what: "accept" | "reject") => {
    setBusy(what);
    try {
      await post(at`/api/davit/invitations/${of.id}/` + what);
      if (what === "accept") {
        void refreshCatalog();
        toast(rich("folders.invitations.accepted", { folder: <a href={href(["files", of.folderId])}><Name text={of.folder} /></a> }));
      } else {
        toast(t("folders.invitations.rejected"));
      }
    } catch (e) {
      toastError(e);
    }
    setBusy("");
    done();
  };
  const folder = visible(of.folder);
  return (
    <li class="card invitation">
      <div>
        <p>{rich("folders.invitations.text", { inviter: <strong><Name text={of.inviter} /></strong>, folder: <strong><Name text={of.folder} /></strong> })}</p>
        <p class="quiet">{t(`folders.permission.long.${of.permission}`)} {rich("folders.invitations.sentAt", { when: <Time at={of.created} /> })}</p>
      </div>
      <span class="folder-actions">
        <Button kind="primary" icon="check" busy={busy === "accept"} onClick={() => void answer("accept")} aria-label={t("folders.invitations.acceptOf", { folder })}>{t("folders.invitations.accept")}</Button>
        <Button icon="close" busy={busy === "reject"} onClick={() => void answer("reject")} aria-label={t("folders.invitations.rejectOf", { folder })}>{t("folders.invitations.reject")}</Button>
      </span>
    </li>
  );
}
