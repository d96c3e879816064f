// A password for one device, made on the spot, and whether the device has used it yet.
import { useState } from "preact/hooks";
import { at, del, messageOf, post } from "../api.ts";
import type { FolderChoice } from "../account/folders.ts";
import { lives, tokens, type Token } from "../account/token.ts";
import { Agent } from "../account/use.tsx";
import { useEvery } from "../load.ts";
import { href } from "../route.ts";
import { me } from "../session.ts";
import { locale, rich, t } from "../text.ts";
import { Button } from "../ui/button.tsx";
import { confirm } from "../ui/dialog.tsx";
import { Alert, toast } from "../ui/feedback.tsx";
import { Checkbox, CopyText, Field, Select } from "../ui/form.tsx";
import { Name } from "../ui/name.tsx";
import { Time } from "../ui/page.tsx";
import { labelOf, type System } from "./systems.ts";

/** A token that was made here; it is kept as long as the view is. */
export type Made = { id: string; title: string; token: string; readOnly: boolean };

const day = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short" });

type Props = { folder: FolderChoice | null; system: System; made: Made | undefined; onMade: (made: Made | undefined) => void };

export function Device({ folder, system, made, onMade }: Props) {
  return (
    <section class="card section" aria-labelledby="mount-device">
      <h3 id="mount-device">{t("mount.device")}</h3>
      {made ? <Shown made={made} onMade={onMade} /> : <Make folder={folder} system={system} onMade={onMade} />}
    </section>
  );
}

function Make({ folder, system, onMade }: Omit<Props, "made">) {
  const [title, setTitle] = useState<string>(); // undefined: as proposed
  const [life, setLife] = useState("365d");
  const [readOnly, setReadOnly] = useState(folder?.readOnly ?? false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const proposed = t("mount.deviceTitleProposed", { system: t(labelOf(system)), day: day.format(new Date()) });
  const make = async (e: Event) => {
    e.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      const named = (title ?? proposed).trim() || proposed;
      const got = await post<Token>("/api/davit/tokens", {
        title: named,
        folders: folder ? [{ id: folder.id, readOnly }] : null,
        readOnly,
        scopes: [readOnly ? "webdav:read" : "webdav:write"],
        ...(life !== "" && { expiresIn: life }),
      });
      onMade({ id: got.id, title: named, token: got.token ?? "", readOnly });
    } catch (e) {
      setError(e);
      setBusy(false);
    }
  };
  return (
    <form class="form" onSubmit={(e) => void make(e)}>
      <p>{folder ? t("mount.deviceAbout") : t("mount.deviceAboutAll")}</p>
      <div class="mount-device">
        <Field label={t("mount.deviceTitle")} value={title ?? proposed} maxLength={200} onInput={(e) => setTitle(e.currentTarget.value)} />
        <Select label={t("account.ends")} value={life} choices={lives()} onChange={(e) => setLife(e.currentTarget.value)} />
        <Checkbox
          label={t("account.tokenReadOnly")}
          checked={readOnly}
          disabled={folder?.readOnly ?? false}
          onChange={(e) => setReadOnly(e.currentTarget.checked)}
          hint={folder?.readOnly ? t("mount.deviceOnlyReading") : undefined}
        />
      </div>
      {error !== undefined && <Alert kind="error">{messageOf(error)}</Alert>}
      <div><Button type="submit" kind="primary" icon="key" busy={busy}>{t("mount.deviceMake")}</Button></div>
      <p class="hint">{t("mount.deviceWithout")}</p>
    </form>
  );
}

function Shown({ made, onMade }: { made: Made; onMade: (made: Made | undefined) => void }) {
  const [seen, setSeen] = useState<Token | "revoked">();
  const [since] = useState(Date.now);
  const [asking, setAsking] = useState(false);
  const connected = seen && seen !== "revoked" && seen.lastUsed ? seen : undefined;
  // Often while somebody types the commands, seldom when it works, or the page was left open.
  useEvery(!connected && Date.now() - since < 10 * 60_000 ? 2000 : 15_000, () => {
    if (asking || seen === "revoked") {
      return;
    }
    setAsking(true);
    tokens().then(
      (all) => {
        setSeen(all.find((k) => k.id === made.id) ?? "revoked");
        setAsking(false);
      },
      () => setAsking(false), // the next time tells
    );
  });
  const revoke = async () => {
    const done = await confirm({
      title: t("mount.deviceRevokeTitle"),
      body: <p>{rich("account.tokenRevokeBody", { title: <Name text={made.title} /> })}</p>,
      action: t("account.revoke"),
      danger: true,
      run: () => del(at`/api/davit/tokens/${made.id}`),
    });
    if (done) {
      toast(t("account.tokenRevoked"));
      onMade(undefined);
    }
  };
  return (
    <div class="prose">
      <Alert kind="warning">{t("mount.deviceOnce")}</Alert>
      <div class="mount-device">
        <div class="field"><strong>{t("signIn.name")}</strong><CopyText label={t("signIn.name")} text={me.value?.name ?? ""} /></div>
        <div class="field"><strong>{t("mount.devicePassword")}</strong><CopyText label={t("mount.devicePassword")} text={made.token} /></div>
      </div>
      <div role="status">
        {seen === "revoked" ? (
          <Alert kind="error">{t("mount.deviceRevoked")}</Alert>
        ) : connected ? (
          <Alert kind="success">
            <p><strong>{t("mount.connected")}</strong></p>
            <p>
              <Agent agent={connected.lastAgent} />
              {connected.lastAddress && <> · <Name text={connected.lastAddress} /></>}
              {" · "}
              <Time at={connected.lastUsed} />
            </p>
          </Alert>
        ) : (
          <p class="spinner mount-waiting"><span class="spinner-wheel" aria-hidden="true" />{t("mount.waiting")}</p>
        )}
      </div>
      <div class="toolbar">
        {seen === "revoked" ? <Button onClick={() => onMade(undefined)}>{t("mount.deviceAnother")}</Button> : <Button onClick={() => void revoke()}>{t("mount.deviceRevoke")}</Button>}
        <a href={href(["account", "tokens"])}>{t("mount.deviceList")}</a>
      </div>
    </div>
  );
}
