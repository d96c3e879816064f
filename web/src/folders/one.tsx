// #/folders/ID: who has access to a folder, what is known of it, and what happened to it.
import { useEffect } from "preact/hooks";
import { Problem } from "../api.ts";
import { visible } from "../format.ts";
import { useEvery, useLoad } from "../load.ts";
import { type Folder, readFolder } from "../model.ts";
import { goUnlessLeft, href } from "../route.ts";
import { me } from "../session.ts";
import { rich, t } from "../text.ts";
import { Button, ButtonLink } from "../ui/button.tsx";
import { Alert, Empty, Loaded } from "../ui/feedback.tsx";
import { MenuButton } from "../ui/menu.tsx";
import { Name } from "../ui/name.tsx";
import { Page, Tabs, Time } from "../ui/page.tsx";
import { refreshCatalog } from "./catalog.tsx";
import { Details } from "./details.tsx";
import { History } from "./history.tsx";
import { Labels } from "./labels.tsx";
import { folderMenu } from "./menu.tsx";
import { can, readProducts } from "./model.ts";
import { purgeFolder, restoreFolder } from "./removal.tsx";
import { Sharing } from "./sharing.tsx";

export function OneFolder({ id, part }: { id: string; part: string }) {
  const folder = useLoad((signal) => readFolder(id, signal), [id]);
  const { value, error, reload } = folder;
  useEvery(15_000, reload);
  useEffect(() => {
    addEventListener("focus", reload);
    return () => removeEventListener("focus", reload);
  }, []);
  if (error instanceof Problem && (error.status === 404 || error.status === 400)) {
    return <Gone was={value} />;
  }
  if (value?.deleted) {
    return <DeletedFolder folder={value} reload={reload} />;
  }
  return (
    <Page
      title={value?.title ?? t("nav.folders")} class="folder" heading={value && <Name text={value.title} />}
      actions={value && <Actions folder={value} reload={reload} />}
    >
      <Loaded of={folder}>{(f) => <Parts folder={f} part={part} reload={reload} />}</Loaded>
    </Page>
  );
}

function Actions({ folder, reload }: { folder: Folder; reload: () => void }) {
  const products = useLoad(readProducts, []);
  return (
    <>
      {can(folder, "read") && <ButtonLink kind="primary" icon="folder" href={href(["files", folder.id])}>{t("folders.one.files")}</ButtonLink>}
      <MenuButton label={t("folders.menu.of", { title: visible(folder.title) })} kind="plain" icon="dots" items={() => { const goOn = goUnlessLeft(); return folderMenu(folder, products.value ?? [], reload, () => goOn(href([]))); }}>
        {t("folders.one.actions")}
      </MenuButton>
    </>
  );
}

function Parts({ folder, part, reload }: { folder: Folder; part: string; reload: () => void }) {
  const history = can(folder, "admin") || me.value?.admin === true;
  const place = (part: string) => href(["folders", folder.id, ...(part === "" ? [] : [part])]);
  const tabs = [
    { href: place(""), label: t("folders.one.sharing"), current: part === "" },
    { href: place("details"), label: t("folders.one.details"), current: part === "details" },
    ...(history ? [{ href: place("history"), label: t("folders.one.history"), current: part === "history" }] : []),
  ];
  return (
    <>
      <Labels of={folder} most={30} />
      <Tabs label={t("folders.one.parts")} tabs={tabs} />
      {part === "details" ? <Details folder={folder} reload={reload} /> : part === "history" ? <History folder={folder} /> : <Sharing folder={folder} reload={reload} />}
    </>
  );
}

// The folder was there, or somebody followed an old link.
function Gone({ was }: { was: Folder | undefined }) {
  useEffect(() => void refreshCatalog(), []);
  return (
    <Page title={was?.title ?? t("nav.folders")} heading={was && <Name text={was.title} />}>
      <div role="alert">
        <Empty icon="folder" title={t("folders.gone.title")}>
          <p class="folders-empty">{t("folders.gone.why")}</p>
          <ButtonLink kind="primary" href={href([])}>{t("app.toFolders")}</ButtonLink>
        </Empty>
      </div>
    </Page>
  );
}

function DeletedFolder({ folder, reload }: { folder: Folder; reload: () => void }) {
  const purge = async () => {
    const goOn = goUnlessLeft();
    if (await purgeFolder(folder)) {
      goOn(href(["deleted"]));
    }
  };
  return (
    <Page title={folder.title} heading={<Name text={folder.title} />}>
      <Alert kind="warning">
        <p>{rich("folders.deleted.here", { when: <Time at={folder.deleted} />, until: <Time at={folder.purge} /> })}</p>
        <span class="folder-actions">
          <Button kind="primary" icon="restore" onClick={() => void restoreFolder(folder).then(reload)}>{t("folders.deleted.restore")}</Button>
          <Button icon="trash" onClick={() => void purge()}>{t("folders.deleted.purge")}</Button>
        </span>
      </Alert>
    </Page>
  );
}

