// Pieces of the lists of what opens the door: last use, end, secrets that are shown once.
import { ago, dateLong, type Moment } from "../format.ts";
import { rich, t } from "../text.ts";
import { Button } from "../ui/button.tsx";
import { Dialog, openDialog } from "../ui/dialog.tsx";
import { Alert } from "../ui/feedback.tsx";
import { CopyText } from "../ui/form.tsx";
import { Name } from "../ui/name.tsx";
import { Time } from "../ui/page.tsx";
import { agentName } from "./agent.ts";

/** A program by its User-Agent, which is in the tooltip. */
export function Agent({ agent }: { agent: string | null | undefined }) {
  const { text, known } = agentName(agent);
  return <span title={agent ?? undefined}>{known ? text : <Name text={text} />}</span>;
}

/** When, from where and by what something was used last. */
export function LastUse({ at, address, agent }: { at: Moment; address?: string | null | undefined; agent?: string | null | undefined }) {
  return (
    <div class="cell-lines">
      <Time at={at} />
      {at && (address || agent) && (
        <span class="quiet">
          {agent && <Agent agent={agent} />}
          {agent && address && " · "}
          {address && <Name text={address} />}
        </span>
      )}
    </div>
  );
}

/** When something ends: it may have ended already. */
export function Ends({ at }: { at: Moment }) {
  if (at == null || at === "") {
    return <span class="quiet">{t("account.endsNever")}</span>;
  }
  const gone = new Date(at).getTime() <= Date.now();
  return (
    <time dateTime={new Date(at).toISOString()} title={dateLong(at)} class={gone ? "badge warn" : undefined}>
      {gone ? t("account.ended", { when: ago(at) }) : ago(at)}
    </time>
  );
}

/** Shows secrets that the server tells this once, by label. */
export function showSecrets(title: string, about: string, secrets: readonly { label: string; text: string; secret?: boolean }[]): void {
  openDialog((close) => (
    <Dialog title={title} onClose={close} footer={<Button kind="primary" onClick={close}>{t("account.secretDone")}</Button>}>
      <div class="prose">
        <Alert kind="warning">{t("account.secretOnce")}</Alert>
        <p>{about}</p>
        {secrets.map((s) => (
          <div key={s.label} class="field">
            <strong>{s.label}</strong>
            <CopyText label={s.label} text={s.text} secret={s.secret ?? false} />
          </div>
        ))}
      </div>
    </Dialog>
  ));
}

/** "“title”", with the title shown as what somebody made. */
export const quoted = (key: Parameters<typeof rich>[0], title: string) => rich(key, { title: <Name text={title} /> });
