// Passwords that administrators give: made by the page, or typed.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { t } from "../text.ts";
import { Button } from "../ui/button.tsx";
import { Dialog, openDialog } from "../ui/dialog.tsx";
import { Alert } from "../ui/feedback.tsx";
import { CopyText, Field } from "../ui/form.tsx";

// Letters and digits that nobody takes for another one, in any type: 32 of them, so that a random byte's last five
// bits choose evenly.
const letters = "abcdefghijkmnpqrstuvwxyz23456789";

/** A password of 100 random bits, in groups that can be read out. */
function makePassword(): string {
  const chosen = [...crypto.getRandomValues(new Uint8Array(20))].map((b) => letters[b & 31]);
  return [0, 5, 10, 15].map((i) => chosen.slice(i, i + 5).join("")).join("-");
}

export type PasswordKind = "made" | "typed" | "none";

/** What password somebody gets. */
export function PasswordChoice({ kind, onKind, error }: { kind: PasswordKind; onKind: (kind: PasswordKind) => void; error: string | undefined }) {
  const [shown, setShown] = useState(false);
  const radio = (value: PasswordKind) => (
    <label class="radio">
      <input type="radio" name="passwordKind" value={value} checked={kind === value} onChange={() => onKind(value)} />
      <span>{t(`people.password.${value}`)}<span class="hint">{t(`people.password.${value}Hint`)}</span></span>
    </label>
  );
  return (
    <fieldset class="radios">
      <legend>{t("people.password.label")}</legend>
      {radio("made")}
      {radio("typed")}
      {kind === "typed" && (
        <div class="with-button">
          <Field label={t("people.password.text")} name="password" type={shown ? "text" : "password"} autocomplete="new-password" error={error} required />
          <Button onClick={() => setShown(!shown)} aria-pressed={shown}>{t("common.show")}</Button>
        </div>
      )}
      {radio("none")}
    </fieldset>
  );
}

/** The password that a form asks for; null for none. */
export const chosenPassword = (kind: PasswordKind, form: FormData): string | null =>
  kind === "none" ? null : kind === "made" ? makePassword() : String(form.get("password") ?? "");

/** Shows a password the only time. */
export function showPassword(title: ComponentChildren, name: string, password: string): void {
  openDialog((close) => (
    <Dialog title={title} onClose={close} footer={<Button kind="primary" onClick={close}>{t("people.password.noted")}</Button>}>
      <div class="prose">
        <p>{t("people.password.handOver")}</p>
        <CopyText label={t("people.password.userName")} text={name} />
        <CopyText label={t("people.password.label")} text={password} />
        <Alert kind="warning">{t("people.password.once")}</Alert>
      </div>
    </Dialog>
  ));
}
