// The button that takes an invitation back that was sent.
import { useState } from "preact/hooks";
import { at, del } from "../api.ts";
import { visible } from "../format.ts";
import { t } from "../text.ts";
import { Button } from "../ui/button.tsx";
import { toast, toastError } from "../ui/feedback.tsx";
import type { Invitation } from "./pending.ts";

export function Withdraw({ of, done }: { of: Invitation; done: () => void }) {
  const [busy, setBusy] = useState(false);
  const withdraw = async () => {
    setBusy(true);
    try {
      await del(at`/api/davit/invitations/${of.id}`);
      toast(t("folders.invitations.withdrawn"));
    } catch (e) {
      toastError(e);
    }
    setBusy(false);
    done();
  };
  return <Button kind="quiet" icon="close" busy={busy} onClick={() => void withdraw()} aria-label={t("folders.invitations.withdrawOf", { invitee: visible(of.invitee) })}>{t("folders.invitations.withdraw")}</Button>;
}
