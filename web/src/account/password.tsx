// A new password.
import { useEffect, useRef, useState } from "preact/hooks";
import { messageOf, post, Problem } from "../api.ts";
import { href } from "../route.ts";
import { me } from "../session.ts";
import { rich, t, type TextKey } from "../text.ts";
import { Button } from "../ui/button.tsx";
import { confirm } from "../ui/dialog.tsx";
import { Alert, toast } from "../ui/feedback.tsx";
import { PasswordField } from "../ui/password.tsx";
import { strength } from "./strength.ts";

const words: readonly TextKey[] = ["account.strength0", "account.strength1", "account.strength2", "account.strength3", "account.strength4"];

export function Password() {
  const [typed, setTyped] = useState("");
  const [again, setAgain] = useState("");
  const [busy, setBusy] = useState(false);
  const [done, setDone] = useState(false);
  const [wrong, setWrong] = useState<{ old?: string; again?: string; error?: unknown }>({});
  const form = useRef<HTMLFormElement>(null);
  const told = useRef<HTMLDivElement>(null);
  const name = me.value?.name ?? "";
  const focus = (field: string) => (form.current?.elements.namedItem(field) as HTMLInputElement | null)?.focus();
  const submit = async (e: Event) => {
    e.preventDefault();
    const old = String(new FormData(form.current!).get("old"));
    setDone(false);
    if (typed !== again) {
      setWrong({ again: t("account.passwordDiffers") });
      focus("again");
      return;
    }
    setWrong({});
    if (level === 0 && !(await confirm({ title: t("account.passwordWeakTitle"), body: <p>{t("account.passwordWeakBody")}</p>, action: t("account.passwordWeakTake"), danger: true }))) {
      return;
    }
    setBusy(true);
    try {
      await post("/api/davit/password", { old, new: typed });
      form.current?.reset();
      setTyped("");
      setAgain("");
      setDone(true);
      toast(t("account.passwordChanged"));
    } catch (error) {
      const isOld = error instanceof Problem && error.status === 403 && error.message.includes("old password");
      setWrong(isOld ? { old: t("account.passwordOldWrong") } : { error });
      if (isOld) {
        focus("old");
      }
    }
    setBusy(false);
  };
  const level = strength(typed, name);
  useEffect(() => {
    if (done) {
      told.current?.focus(); // the button that had the focus was out of use meanwhile
    }
  }, [done]);
  return (
    <section class="section narrow-form" aria-labelledby="account-password">
      <h2 id="account-password">{t("account.passwordTitle")}</h2>
      <p>{t("account.passwordAbout")}</p>
      <form ref={form} class="form" onSubmit={(e) => void submit(e)}>
        <input hidden type="text" name="username" autocomplete="username" value={name} readOnly />
        <PasswordField label={t("account.passwordOld")} name="old" autocomplete="current-password" required error={wrong.old} />
        <PasswordField
          label={t("account.passwordNew")}
          name="new"
          autocomplete="new-password"
          required
          value={typed}
          onInput={(e) => setTyped(e.currentTarget.value)}
          hint={
            <div class="strength">
              <meter min={0} max={4} low={2} high={3} optimum={4} value={typed === "" ? 0 : Math.max(0.3, level)} aria-label={t("account.strength")} aria-valuetext={typed === "" ? t("common.none") : t(words[level]!)} />
              <span role="status">{typed === "" ? t("account.passwordAdvice") : t(words[level]!)}</span>
            </div>
          }
        />
        <PasswordField label={t("account.passwordAgain")} name="again" autocomplete="new-password" required value={again} onInput={(e) => setAgain(e.currentTarget.value)} error={wrong.again} />
        {wrong.error !== undefined && <Alert kind="error">{messageOf(wrong.error)}</Alert>}
        {done && (
          <div ref={told} tabIndex={-1}><Alert kind="success">
            <p>{rich("account.passwordDone", { tokens: <a href={href(["account", "tokens"])}>{t("account.tokens")}</a>, keys: <a href={href(["account", "keys"])}>{t("account.keys")}</a> })}</p>
          </Alert></div>
        )}
        <div><Button type="submit" kind="primary" busy={busy}>{t("account.passwordSet")}</Button></div>
      </form>
    </section>
  );
}
