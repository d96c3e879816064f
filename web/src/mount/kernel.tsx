// A script that mounts folders in a container or compute kernel, for a while.
import { useState } from "preact/hooks";
import type { FolderChoice } from "../account/folders.ts";
import { mountLives } from "../account/mounts.tsx";
import { messageOf, request } from "../api.ts";
import { href } from "../route.ts";
import { saveLocally } from "../save.ts";
import { me } from "../session.ts";
import { rich, t } from "../text.ts";
import { Button } from "../ui/button.tsx";
import { Alert } from "../ui/feedback.tsx";
import { Checkbox, CopyText, Field, Select } from "../ui/form.tsx";
import { Name } from "../ui/name.tsx";
import { kernel, type KernelMount } from "./commands.ts";
import { Step, StepList } from "./steps.tsx";

export function Kernel({ folder, all }: { folder: FolderChoice | null; all: readonly FolderChoice[] }) {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set(folder ? [folder.id] : []));
  const [path, setPath] = useState("");
  const [title, setTitle] = useState("");
  const [life, setLife] = useState("12h");
  const [readOnly, setReadOnly] = useState(false);
  const [busy, setBusy] = useState(false);
  const [done, setDone] = useState(false);
  const [error, setError] = useState<unknown>();
  const folders = all.filter((f) => chosen.has(f.id));
  const body: KernelMount = {
    folders: folders.map((f) => ({ id: f.id, ...(folders.length === 1 && path.trim() !== "" && { path: path.trim() }), ...((readOnly || f.readOnly) && { readOnly: true }) })),
    lifetime: life,
    ...(title.trim() !== "" && { title: title.trim() }),
  };
  const make = async (e: Event) => {
    e.preventDefault();
    setBusy(true);
    setError(undefined);
    setDone(false);
    try {
      const res = await request("POST", "/api/davit/mounts", { query: { format: "sh" }, body });
      saveLocally(await res.blob(), "mount.sh");
      setDone(true);
    } catch (e) {
      setError(e);
    }
    setBusy(false);
  };
  return (
    <>
      <p>{t("mount.kernel.about")}</p>
      <form class="card form" onSubmit={(e) => void make(e)}>
        {!folder && (
          <fieldset>
            <legend>{t("account.someFoldersChosen", { n: chosen.size })}</legend>
            <div class="checks">
              {all.map((f) => (
                <Checkbox
                  key={f.id}
                  label={<Name text={f.title} />}
                  checked={chosen.has(f.id)}
                  onChange={(e) => {
                    const next = new Set(chosen);
                    if (e.currentTarget.checked) {
                      next.add(f.id);
                    } else {
                      next.delete(f.id);
                    }
                    setChosen(next);
                  }}
                />
              ))}
            </div>
          </fieldset>
        )}
        <div class="mount-device">
          {chosen.size === 1 && <Field label={t("mount.kernel.path")} value={path} onInput={(e) => setPath(e.currentTarget.value)} placeholder="/home/work/…" hint={t("mount.kernel.pathHint")} />}
          <Field label={t("mount.kernel.title")} value={title} maxLength={200} onInput={(e) => setTitle(e.currentTarget.value)} />
          <Select label={t("account.ends")} value={life} choices={mountLives()} onChange={(e) => setLife(e.currentTarget.value)} />
          <Checkbox label={t("account.tokenReadOnly")} checked={readOnly || (folder?.readOnly ?? false)} disabled={folder?.readOnly ?? false} onChange={(e) => setReadOnly(e.currentTarget.checked)} />
        </div>
        {error !== undefined && <Alert kind="error">{messageOf(error)}</Alert>}
        <div><Button type="submit" kind="primary" icon="download" busy={busy} disabled={chosen.size === 0}>{t("mount.kernel.make")}</Button></div>
        <div role="status">
          {done && <Alert kind="success"><p>{rich("mount.kernel.made", { mounts: <a href={href(["account", "mounts"])}>{t("account.mountsTitle")}</a> })}</p></Alert>}
        </div>
      </form>
      <StepList>
        <Step><p>{t("mount.kernel.copy")}</p></Step>
        <Step>
          <p>{t("mount.kernel.run")}</p>
          <CopyText label={t("mount.mountCommand")} text={kernel.mount()} />
        </Step>
        <Step>
          <p>{t("mount.kernel.umount")}</p>
          <CopyText label={t("mount.umountCommand")} text={kernel.umount()} />
        </Step>
      </StepList>
      {chosen.size > 0 && (
        <>
          <h3>{t("mount.kernel.there")}</h3>
          <div class="prose">
            <p>{t("mount.kernel.thereAbout")}</p>
            <CopyText label={t("mount.kernel.thereCommand")} text={kernel.fetch(me.value?.name ?? "", body)} />
          </div>
        </>
      )}
    </>
  );
}
