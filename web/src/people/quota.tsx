// The quota of a workspace: what all folders of a user or project may hold together, by category of storage.
import { useState } from "preact/hooks";
import { at, get, put } from "../api.ts";
import { bytes, exactBytes } from "../format.ts";
import { useLoad } from "../load.ts";
import { t } from "../text.ts";
import { Button } from "../ui/button.tsx";
import { FormDialog, openDialog } from "../ui/dialog.tsx";
import { Fact, Facts } from "../ui/facts.tsx";
import { Alert, Loaded, toast, Usage } from "../ui/feedback.tsx";
import { Field, Select } from "../ui/form.tsx";
import { useWrong } from "./errors.ts";
import { readLimit } from "./limits.tsx";
import type { CategoryQuota } from "./model.ts";

type Quota = { workspace: string; categories: CategoryQuota[] };

/** What the workspace (a project's or user's ID) holds; who may set it gets a button. round reads it again. */
export function QuotaCard({ workspace, settable, round }: { workspace: string; settable: boolean; round?: unknown }) {
  const quota = useLoad((signal) => get<Quota>(at`/api/davit/workspaces/${workspace}/quota`, {}, signal), [workspace, round]);
  return (
    <section class="card section">
      <h2>{t("people.quota.title")}</h2>
      <p class="quiet">{t("people.quota.what")}</p>
      <Loaded of={quota}>
        {(q) => (
          <Facts>
            {q.categories.map((c) => (
              <Fact key={c.category} label={c.category}>
                <Usage used={c.usedBytes} max={c.maxBytes} unit="bytes" label={t("people.quota.of", { category: c.category })} />
                <span class="quiet">
                  {c.maxBytes === null ? t("people.quota.none") : t(c.ownLimit ? "people.quota.own" : "people.quota.configured")}
                  {c.deletedFolders > 0 && ` ${t("people.quota.deleted", { n: c.deletedFolders, bytes: bytes(c.deletedBytes) })}`}
                  {c.reservedBytes > 0 && ` ${t("people.quota.reserved", { bytes: bytes(c.reservedBytes) })}`}
                </span>
                {settable && (
                  <Button icon="edit" aria-label={t("people.quota.changeOf", { category: c.category })} onClick={() => openDialog((close) => <QuotaForm workspace={workspace} now={c} onDone={quota.set} onClose={close} />)}>
                    {t("people.change")}
                  </Button>
                )}
              </Fact>
            ))}
          </Facts>
        )}
      </Loaded>
    </section>
  );
}

function QuotaForm({ workspace, now, onDone, onClose }: { workspace: string; now: CategoryQuota; onDone: (q: Quota) => void; onClose: () => void }) {
  const [kind, setKind] = useState<string>(!now.ownLimit ? "default" : now.maxBytes === null ? "none" : "own");
  const [text, setText] = useState(now.ownLimit && now.maxBytes !== null ? exactBytes(now.maxBytes) : "");
  const { wrong, say, ask } = useWrong();
  const n = kind === "own" ? readLimit("maxBytes", text) : kind === "default" ? now.defaultMaxBytes : null;
  return (
    <FormDialog
      title={t("people.quota.change", { category: now.category })}
      action={t("common.save")}
      onClose={onClose}
      onSubmit={async () => {
        say({ maxBytes: kind === "own" && n === undefined ? t("people.limits.wrong.maxBytes") : undefined });
        onDone(await ask(() => put<Quota>(at`/api/davit/workspaces/${workspace}/quota`, { category: now.category, maxBytes: kind === "default" ? null : kind === "none" ? 0 : n }), ["maxBytes"]));
        toast(t("people.saved"));
      }}
    >
      <Select
        label={t("people.quota.label")} value={kind} onChange={(e) => setKind(e.currentTarget.value)}
        choices={[
          { value: "default", label: t("people.quota.defaultIs", { value: now.defaultMaxBytes === null ? t("people.limits.none") : bytes(now.defaultMaxBytes) }) },
          { value: "none", label: t("people.limits.none") },
          { value: "own", label: t("people.limits.own") },
        ]}
      />
      {kind === "own" && <Field label={t("people.quota.value")} value={text} error={wrong["maxBytes"]} onInput={(e) => setText(e.currentTarget.value)} />}
      <p class="hint">{t("people.quota.now", { used: bytes(now.usedBytes) })}</p>
      {n != null && n < now.usedBytes && <Alert kind="warning">{t("people.quota.over")}</Alert>}
    </FormDialog>
  );
}
