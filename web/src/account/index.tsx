// One's own account: what one is and may, the password, and all that opens the door in one's name.
import type { ComponentType } from "preact";
import type { ViewProps } from "../app.tsx";
import { href } from "../route.ts";
import { t, type TextKey } from "../text.ts";
import { Page, Tabs } from "../ui/page.tsx";
import { Keys } from "./keys.tsx";
import { Mounts } from "./mounts.tsx";
import { Overview } from "./overview.tsx";
import { Password } from "./password.tsx";
import { Sessions } from "./sessions.tsx";
import { Tokens } from "./tokens.tsx";

const parts: readonly { name: string; label: TextKey; view: ComponentType }[] = [
  { name: "", label: "account.overview", view: Overview },
  { name: "password", label: "account.password", view: Password },
  { name: "sessions", label: "account.sessions", view: Sessions },
  { name: "tokens", label: "account.tokens", view: Tokens },
  { name: "keys", label: "account.keys", view: Keys },
  { name: "mounts", label: "account.mounts", view: Mounts },
];

export default function Account({ args }: ViewProps) {
  const part = parts.find((p) => p.name === (args[0] ?? ""));
  const title = part && part.name !== "" ? `${t(part.label)} – ${t("nav.account")}` : t("nav.account");
  return (
    <Page title={title} heading={t("nav.account")}>
      <Tabs label={t("nav.account")} tabs={parts.map((p) => ({ href: href(p.name === "" ? ["account"] : ["account", p.name]), label: t(p.label), current: p === part }))} />
      {part ? <part.view /> : <p>{t("app.nowhere")}</p>}
    </Page>
  );
}
