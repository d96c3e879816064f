// The form that everything begins with.
import { useRef, useState } from "preact/hooks";
import { endedWhy, signIn } from "../session.ts";
import { t } from "../text.ts";
import { Button } from "../ui/button.tsx";
import { Alert } from "../ui/feedback.tsx";
import { Field } from "../ui/form.tsx";

export function SignIn() {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const form = useRef<HTMLFormElement>(null);
  const submit = async (e: Event) => {
    e.preventDefault();
    const data = new FormData(form.current!);
    setBusy(true);
    setError("");
    try {
      const refused = await signIn(String(data.get("username")), String(data.get("password")));
      if (refused) {
        setError(refused.status === 401 ? t("signIn.wrong") : refused.status === 429 || refused.status === 503 ? t("signIn.slow", { n: Math.max(1, refused.retryAfter) }) : refused.why);
        const password = form.current?.elements.namedItem("password");
        if (password instanceof HTMLInputElement) {
          password.value = "";
          password.focus();
        }
      }
    } catch {
      setError(t("errors.unreachable"));
    }
    setBusy(false);
  };
  const why = endedWhy.value;
  return (
    <main class="sign-in">
      <h1>{t("app.name")}</h1>
      <p class="quiet">{t("signIn.what")}</p>
      <form ref={form} class="form" onSubmit={(e) => void submit(e)}>
        {why !== "" && error === "" && <Alert>{t(why === "ended" ? "signIn.ended" : "signIn.signedOut")}</Alert>}
        <Field label={t("signIn.name")} name="username" autocomplete="username" autocapitalize="none" required autofocus />
        <Field label={t("signIn.password")} name="password" type="password" autocomplete="current-password" required />
        {error !== "" && <Alert kind="error">{error}</Alert>}
        <Button type="submit" kind="primary" busy={busy}>{t("signIn.action")}</Button>
      </form>
    </main>
  );
}
