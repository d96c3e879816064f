// How a folder becomes a drive of the visitor's computer.
import { useState } from "preact/hooks";
import type { ViewProps } from "../app.tsx";
import { foldersSeen, type FolderChoice } from "../account/folders.ts";
import { visible } from "../format.ts";
import { useLoad } from "../load.ts";
import { go, href, route } from "../route.ts";
import { rich, t } from "../text.ts";
import { ButtonLink } from "../ui/button.tsx";
import { Alert, Empty, Loaded } from "../ui/feedback.tsx";
import { CopyText, Select } from "../ui/form.tsx";
import { Name } from "../ui/name.tsx";
import { Page, Tabs } from "../ui/page.tsx";
import { Device, type Made } from "./device.tsx";
import { Kernel } from "./kernel.tsx";
import { stepsOf } from "./steps.tsx";
import { labelOf, ownSystem, systems, type System } from "./systems.ts";
import { targetOf } from "./target.ts";

export default function Mount({ args }: ViewProps) {
  const folders = useLoad((signal) => foldersSeen(signal), []);
  return (
    <Page title={t("mount.title")}>
      <p class="mount-about">{t("mount.about")}</p>
      <Loaded of={folders}>
        {(all) => {
          const id = args[0] ?? "";
          const folder = all.find((f) => f.id === id.replaceAll("-", "").toLowerCase()) ?? null;
          if (all.length === 0) {
            return (
              <Empty icon="folder" title={t("mount.noFolders")}>
                <p>{t("mount.noFoldersAbout")}</p>
                <ButtonLink kind="primary" href={href([])}>{t("app.toFolders")}</ButtonLink>
              </Empty>
            );
          }
          if (id !== "" && !folder) {
            return <Alert kind="error"><p>{t("mount.unknownFolder")}</p><p><a href={href(["mount"])}>{t("mount.chooseAnother")}</a></p></Alert>;
          }
          return <Ways key={folder?.id ?? ""} folder={folder} all={all} />;
        }}
      </Loaded>
    </Page>
  );
}

/** Where the folder is, and how each system mounts it. */
function Ways({ folder, all }: { folder: FolderChoice | null; all: readonly FolderChoice[] }) {
  const [made, setMade] = useState<Made>();
  const asked = route.value.query.get("on") as System | null;
  const system = asked && systems.includes(asked) ? asked : ownSystem();
  const place = (f: string, on?: System) => href(f === "" ? ["mount"] : ["mount", f], { on });
  const target = targetOf(folder, made?.token, made?.readOnly ?? false);
  const local = /^(localhost|127\.|\[::1\])/.test(location.hostname);
  const Steps = stepsOf[system];
  return (
    <>
      <div class="mount-where">
        <Select
          label={t("mount.folder")}
          value={folder?.id ?? ""}
          choices={[{ value: "", label: t("mount.allFolders", { n: all.length }) }, ...all.map((f) => ({ value: f.id, label: labelOfFolder(f) }))]}
          onChange={(e) => go(place(e.currentTarget.value, system))}
        />
        <div class="field">
          <strong>{t("mount.address")}</strong>
          <CopyText label={t("mount.address")} text={target.url} />
        </div>
      </div>
      {folder?.readOnly && <Alert><p>{rich("mount.onlyReading", { title: <Name text={folder.title} /> })}</p></Alert>}
      {local && <Alert kind="warning">{t("mount.local")}</Alert>}
      <Tabs label={t("mount.systems")} tabs={systems.map((s) => ({ href: place(folder?.id ?? "", s), label: t(labelOf(s)), current: s === system }))} />
      <section class="section mount-steps" aria-labelledby="mount-system">
        <h2 id="mount-system">{t(`mount.heading.${system}`)}</h2>
        {system === "kernel" ? (
          <Kernel folder={folder} all={all} />
        ) : (
          <>
            <Device key={made?.id ?? ""} folder={folder} system={system} made={made} onMade={setMade} />
            {Steps && <Steps target={target} />}
          </>
        )}
      </section>
    </>
  );
}

const labelOfFolder = (f: FolderChoice): string =>
  visible(f.title) + (f.owner === "mine" ? "" : ` (${t(f.owner === "project" ? "mount.ofProject" : "mount.ofUser", { of: visible(f.of) })})`) + (f.readOnly ? ` – ${t("account.readOnly")}` : "");
