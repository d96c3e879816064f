// The ways in which a folder goes, and comes back: deletion, leaving what somebody shares, restoring, and the end for good.
import { useState } from "preact/hooks";
import { at, del, post, Problem } from "../api.ts";
import { bytes, count, date } from "../format.ts";
import { useLoad } from "../load.ts";
import { type Folder, readAll, readFolder, readUses, type Uses } from "../model.ts";
import { loadMeAfter, me } from "../session.ts";
import { rich, t } from "../text.ts";
import { confirm, FormDialog, openDialog } from "../ui/dialog.tsx";
import { Alert, Loaded, toast, toastError } from "../ui/feedback.tsx";
import { Name } from "../ui/name.tsx";
import { Time } from "../ui/page.tsx";
import { expect, forget, refreshCatalog } from "./catalog.tsx";
import { can, type Grant, readGrants } from "./model.ts";

/** What is in a folder, in words. */
export const contents = (f: Folder): string => t("folders.contents", { bytes: bytes(f.usage.bytes), files: count(f.usage.files), n: f.usage.files });

/** Asks whether the folder shall be deleted, and says what that means. after is called when it is. */
export const deleteFolder = (f: Folder, after: () => void): void => void openDialog((close) => <DeleteFolder folder={f} after={after} onClose={close} />);

function DeleteFolder({ folder, after, onClose }: { folder: Folder; after: () => void; onClose: () => void }) {
  const [refused, setRefused] = useState(false);
  const now = useLoad(async (signal) => {
    const [fresh, uses, grants] = await Promise.all([
      readFolder(folder.id, signal),
      readUses(folder.id, signal),
      can(folder, "read") ? readGrants(folder.id, signal) : [],
    ]);
    return { fresh, uses, grants };
  }, [refused]);
  const inUse = refused || now.value?.uses.inUse === true;
  const kept = me.value?.keepDeleted ?? 0;
  const submit = async () => {
    if (can(folder, "remove")) {
      try {
        await post("/folders/delete", { id: folder.id, force: inUse });
      } catch (e) {
        // Somebody began meanwhile: the dialog shows who, and the button says what it does then.
        if (e instanceof Problem && e.code === "vfolder-deletion-not-allowed") {
          setRefused(true);
        }
        throw e;
      }
    } else {
      await del(at`/api/davit/folders/${folder.id}`); // an administrator's matter
    }
    forget(folder.id);
    void refreshCatalog();
    void loadMeAfter();
    toast(rich("folders.delete.done", { title: <Name text={folder.title} /> }), {
      ...(kept > 0 && { action: { label: t("folders.delete.undo"), run: () => void restoreFolder(folder) } }),
    });
    after();
  };
  return (
    <FormDialog
      title={rich("folders.delete.title", { title: <Name text={folder.title} /> })}
      action={t(inUse ? "folders.delete.force" : "folders.delete.action")}
      danger disabled={!now.value} onSubmit={submit} onClose={onClose}
    >
      <Loaded of={now}>
        {({ fresh, uses, grants }) => (
          <div class="prose">
            {inUse && <InUse uses={uses} />}
            <p>{fresh.usage.files === 0 ? t("folders.delete.empty") : contents(fresh)}</p>
            <WhoLoses folder={fresh} grants={grants} />
            <p>{kept > 0 ? t("folders.delete.until", { when: date(Date.now() + kept * 1000) }) : <strong>{t("folders.delete.final")}</strong>}</p>
          </div>
        )}
      </Loaded>
    </FormDialog>
  );
}

function InUse({ uses }: { uses: Uses }) {
  return (
    <Alert kind="warning">
      <p>{t("folders.delete.inUse")}</p>
      <ul>
        {uses.uses.map((u, i) => (
          <li key={i}>{rich("folders.delete.use", { user: <Name text={u.user} />, agent: <Name text={u.agent} />, when: <Time at={u.last} /> })}</li>
        ))}
        {uses.locks.map((l, i) => (
          <li key={`lock ${i}`}>{rich("folders.delete.lock", { user: <Name text={l.user} />, path: l.path === "" ? t("folders.wholeFolder") : <Name text={l.path} /> })}</li>
        ))}
      </ul>
    </Alert>
  );
}

// Who has access beside the user. A long list is cut: the number says the rest.
function WhoLoses({ folder, grants }: { folder: Folder; grants: readonly Grant[] }) {
  const users = grants.flatMap((g) => (g.entity.type === "user" && g.entity.username !== me.value?.name ? [g.entity.username] : []));
  const groups = grants.filter((g) => g.entity.type === "project_group").length;
  const others = folder.owner !== null && folder.owner !== me.value?.name ? [folder.owner, ...users] : users;
  if (others.length === 0 && groups === 0 && !folder.project) {
    return <p>{t("folders.delete.alone")}</p>;
  }
  return (
    <>
      <p>{t("folders.delete.lose")}</p>
      <ul>
        {others.slice(0, 8).map((u) => <li key={u}><Name text={u} /></li>)}
        {others.length > 8 && <li>{t("folders.delete.more", { n: others.length - 8 })}</li>}
        {groups > 0 && <li>{t("folders.delete.groups", { n: groups })}</li>}
        {folder.project && <li>{rich("folders.delete.project", { title: <Name text={folder.project.title} /> })}</li>}
      </ul>
    </>
  );
}

/** Brings a deleted folder back, and tells so. */
export async function restoreFolder(f: Folder): Promise<boolean> {
  try {
    await post(at`/api/davit/folders/${f.id}/restore`);
  } catch (e) {
    toastError(e);
    return false;
  }
  expect(f.id);
  void refreshCatalog();
  void loadMeAfter();
  toast(rich("folders.deleted.restored", { title: <Name text={f.title} /> }));
  return true;
}

/** Ends the time in which a deleted folder can be restored. Resolves to whether that was done. */
export const purgeFolder = (f: Folder): Promise<boolean> =>
  confirm({
    title: rich("folders.deleted.purgeTitle", { title: <Name text={f.title} /> }),
    body: <p>{rich("folders.deleted.purgeBody", { contents: contents(f) })}</p>,
    action: t("folders.deleted.purge"),
    danger: true,
    run: async () => {
      await del(at`/api/davit/folders/${f.id}` + "?final=true");
      void loadMeAfter();
      toast(rich("folders.deleted.purged", { title: <Name text={f.title} /> }));
    },
  });

/** Gives up a folder that somebody shares. after is called when that is done. */
export const leaveFolder = (f: Folder, after: () => void): void =>
  void confirm({
    title: rich("folders.leave.title", { title: <Name text={f.title} /> }),
    body: <p>{rich("folders.leave.body", { owner: <Name text={f.owner ?? ""} /> })}</p>,
    action: t("folders.leave.action"),
    danger: true,
    run: async () => {
      await post(at`/folders/${f.id}/leave`);
      forget(f.id);
      void refreshCatalog();
      toast(rich("folders.leave.done", { title: <Name text={f.title} /> }));
      after();
    },
  });

/** What was deleted and can be restored by who is signed in. */
export const readDeleted = (signal?: AbortSignal): Promise<Folder[]> => readAll<Folder>("/api/davit/folders", { mine: "true", deleted: "true" }, signal);
