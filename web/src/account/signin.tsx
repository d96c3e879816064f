// The form that everything begins with, and what stands in its place while the server can't be reached.
import { useEffect, useRef, useState } from "preact/hooks";
import { endedWhy, signIn, start, type Refused } from "../session.ts";
import { t } from "../text.ts";
import { Button } from "../ui/button.tsx";
import { Alert } from "../ui/feedback.tsx";
import { Field } from "../ui/form.tsx";
import { PasswordField } from "../ui/password.tsx";

/** After so long without an answer the form says that wrong passwords make the server slow. */
const slowAfter = 1500;

export function SignIn() {
  const [busy, setBusy] = useState(false);
  const [slow, setSlow] = useState(false);
  const [refused, setRefused] = useState<Refused | "unreachable">();
  const [wait, setWait] = useState(0); // seconds until it makes sense to try again
  const form = useRef<HTMLFormElement>(null);
  const field = (name: string) => form.current?.elements.namedItem(name) as HTMLInputElement | null;
  useEffect(() => {
    document.title = `${t("signIn.action")} – ${t("app.name")}`;
    field("username")?.focus();
  }, []);
  useEffect(() => {
    if (wait <= 0) {
      return undefined;
    }
    const timer = setTimeout(() => setWait(wait - 1), 1000);
    return () => clearTimeout(timer);
  }, [wait]);
  const submit = async (e: Event) => {
    e.preventDefault();
    const data = new FormData(form.current!);
    setBusy(true);
    setRefused(undefined);
    const timer = setTimeout(() => setSlow(true), slowAfter);
    try {
      const no = await signIn(String(data.get("username")).trim(), String(data.get("password")));
      setRefused(no);
      if (no) {
        setWait(no.status === 401 ? 0 : no.retryAfter);
        const password = field("password");
        if (password && no.status === 401) {
          password.value = "";
          password.focus();
        }
      }
    } catch {
      setRefused("unreachable");
    }
    clearTimeout(timer);
    setSlow(false);
    setBusy(false);
  };
  const why = endedWhy.value;
  return (
    <main class="sign-in">
      <h1>{t("app.name")}</h1>
      <p class="quiet">{t("signIn.what")}</p>
      <form ref={form} class="form" aria-label={t("signIn.action")} onSubmit={(e) => void submit(e)}>
        {why !== "" && !refused && <Alert kind={why === "signedOut" ? "success" : "warning"}>{t(`signIn.${why}`)}</Alert>}
        {!isSecureContext && !refused && <Alert kind="warning">{t("signIn.plain")}</Alert>}
        <Field label={t("signIn.name")} name="username" autocomplete="username" autocapitalize="none" required />
        <PasswordField label={t("signIn.password")} name="password" autocomplete="current-password" required />
        {refused && <Alert kind="error"><Why refused={refused} wait={wait} /></Alert>}
        <Button type="submit" kind="primary" busy={busy}>{t("signIn.action")}</Button>
        <p class="hint" role="status">{slow ? t("signIn.slowNow") : ""}</p>
      </form>
      <details>
        <summary>{t("signIn.help")}</summary>
        <div class="prose quiet">
          <p>{t("signIn.helpForgotten")}</p>
          <p>{t("signIn.helpFirst")}</p>
        </div>
      </details>
    </main>
  );
}

function Why({ refused, wait }: { refused: Refused | "unreachable"; wait: number }) {
  if (refused === "unreachable") {
    return <>{t("errors.unreachable")}</>;
  }
  switch (refused.status) {
    case 401:
      return <>{t("signIn.wrong")}</>;
    case 403:
      return (
        <>
          <p>{t("signIn.encrypted")}</p>
          <p>{t("signIn.encryptedTry", { url: location.href.replace(/^http:/, "https:").split("#")[0]! })}</p>
          <p class="quiet">{t("signIn.encryptedAdmin")}</p>
        </>
      );
    case 429:
    case 503:
      return <>{wait > 0 ? t("signIn.slow", { n: wait }) : t("signIn.slowOver")}</>;
    default:
      return <>{refused.why}</>;
  }
}

/** It is not known who is signed in. */
export function Lost() {
  return (
    <main class="sign-in">
      <h1>{t("app.name")}</h1>
      <Alert kind="error">
        <p>{t("signIn.lost")}</p>
        <Button icon="refresh" onClick={() => void start()}>{t("common.retry")}</Button>
      </Alert>
    </main>
  );
}
