// Where one is signed in.
import { at, del } from "../api.ts";
import { visible } from "../format.ts";
import { useLoad } from "../load.ts";
import { readAll } from "../model.ts";
import { signOut } from "../session.ts";
import { t } from "../text.ts";
import { Button } from "../ui/button.tsx";
import { confirm } from "../ui/dialog.tsx";
import { Loaded, toast, toastError } from "../ui/feedback.tsx";
import { Name } from "../ui/name.tsx";
import { Time } from "../ui/page.tsx";
import { Table } from "../ui/table.tsx";
import { agentName } from "./agent.ts";
import { Agent } from "./use.tsx";

type Session = { id: string; ipAddress: string; userAgent: string; createdAt: number; lastUsedAt: number | null; expiresAt: number | null; current: boolean };

async function all(signal: AbortSignal): Promise<Session[]> {
  const list = await readAll<Session>("/auth/sessions", {}, signal);
  return list.sort((a, b) => Number(b.current) - Number(a.current) || (b.lastUsedAt ?? b.createdAt) - (a.lastUsedAt ?? a.createdAt));
}

export function Sessions() {
  const list = useLoad(all, []);
  const end = async (s: Session) => {
    if (s.current) {
      await signOut().catch(toastError);
      return;
    }
    const done = await confirm({
      title: t("account.sessionEndTitle"),
      body: <p>{t("account.sessionEndBody", { agent: visible(agentName(s.userAgent).text) })}</p>,
      action: t("account.sessionEnd"),
      danger: true,
      run: () => del(at`/auth/sessions/${s.id}`),
    });
    if (done) {
      toast(t("account.sessionEnded"));
      list.reload();
    }
  };
  const endOthers = async () => {
    const done = await confirm({
      title: t("account.sessionsEndTitle"),
      body: <p>{t("account.sessionsEndBody")}</p>,
      action: t("account.sessionsEnd"),
      danger: true,
      run: () => del("/auth/sessions?others=true"),
    });
    if (done) {
      toast(t("account.sessionsEnded"));
      list.reload();
    }
  };
  return (
    <section class="section" aria-labelledby="account-sessions">
      <div class="page-head">
        <h2 id="account-sessions">{t("account.sessionsTitle")}</h2>
        <div class="page-actions">
          {(list.value?.length ?? 0) > 1 && <Button kind="danger" onClick={() => void endOthers()}>{t("account.sessionsEnd")}</Button>}
        </div>
      </div>
      <p>{t("account.sessionsAbout")}</p>
      <Loaded of={list}>
        {(rows) => (
          <Table
            caption={t("account.sessionsTitle")}
            rows={rows}
            rowKey={(s) => s.id}
            columns={[
              { id: "agent", head: t("account.program"), cell: (s) => <div><Agent agent={s.userAgent} />{s.current && <> <span class="badge good">{t("account.sessionHere")}</span></>}</div> },
              { id: "address", head: t("account.address"), cell: (s) => <Name text={s.ipAddress} /> },
              { id: "created", head: t("account.signedIn"), cell: (s) => <Time at={s.createdAt} /> },
              { id: "used", head: t("account.lastUse"), cell: (s) => <Time at={s.lastUsedAt ?? s.createdAt} /> },
              { id: "end", head: t("account.actions"), hideHead: true, end: true, cell: (s) => (
                <Button aria-label={s.current ? t("account.sessionEndHere") : t("account.sessionEndOf", { agent: visible(agentName(s.userAgent).text), address: s.ipAddress })} onClick={() => void end(s)}>
                  {s.current ? t("nav.signOut") : t("account.sessionEnd")}
                </Button>
              ) },
            ]}
          />
        )}
      </Loaded>
    </section>
  );
}
