// The dialog that makes a folder.
import { useState } from "preact/hooks";
import { Advice, at, get, items, Problem } from "../api.ts";
import { bytes, count, visible } from "../format.ts";
import { useLoad } from "../load.ts";
import { goUnlessLeft, href } from "../route.ts";
import { loadMeAfter, me } from "../session.ts";
import { t } from "../text.ts";
import { FormDialog, openDialog } from "../ui/dialog.tsx";
import { Alert, Loaded, toast, Usage } from "../ui/feedback.tsx";
import { Field, Select } from "../ui/form.tsx";
import { catalog, refreshCatalog } from "./catalog.tsx";
import { checkTitle, inWorkspace, kindOf, type Product, readProducts, workspacesToMakeIn } from "./model.ts";

/** Asks for a title, and where there is a choice for the owner and the product; goes to the new folder's files. */
export const createFolder = (): void => void openDialog((close) => <CreateFolder onClose={close} />);

type Room = {
  limits: { maxFolders: number | null; maxBytes: number | null; maxFiles: number | null };
  folders: number;
  categories: { category: string; maxBytes: number | null; usedBytes: number }[];
};

// What there is room for in a workspace.
async function readRoom(workspace: string, signal: AbortSignal): Promise<Room> {
  const quota = get<{ categories: { category: string; maxBytes: number | null; usedBytes: number; folders: number }[] }>(
    at`/api/davit/workspaces/${workspace === "" ? "me" : workspace}/quota`, {}, signal,
  );
  const limits = workspace === ""
    ? get<{ effectiveLimits: Room["limits"] }>(at`/api/davit/users/${me.value?.name ?? ""}`, {}, signal)
    : get<{ effectiveLimits: Room["limits"] }>(at`/api/davit/projects/${workspace}`, {}, signal);
  const [{ categories }, { effectiveLimits }] = await Promise.all([quota, limits]);
  return { limits: effectiveLimits, folders: categories.reduce((n, c) => n + c.folders, 0), categories };
}

function CreateFolder({ onClose }: { onClose: () => void }) {
  const workspaces = workspacesToMakeIn();
  const [workspace, setWorkspace] = useState(workspaces[0]?.id ?? "");
  const [chosen, setChosen] = useState<string>();
  const products = useLoad(readProducts, []);
  const room = useLoad((signal) => readRoom(workspace, signal), [workspace]);
  const offered = products.value?.filter((p) => p.collection.usersCanCreate) ?? [];
  const product = offered.find((p) => keyOf(p) === chosen) ?? offered.find((p) => p.usual) ?? offered[0];
  const make = async (form: FormData) => {
    const title = String(form.get("title"));
    checkTitle(title);
    const goOn = goUnlessLeft();
    const made = await inWorkspace<{ responses: { id: string }[] }>(
      workspace, "POST", "/api/files/collections", items({ title, product: product!.reference }),
    ).catch((e: unknown) => {
      // Where titles must differ, the server's words are those of other clients.
      const same = catalog.value.folders?.some((f) => f.title.toLowerCase() === title.toLowerCase() && (workspace === "" ? kindOf(f) === "own" : f.project?.id === workspace));
      throw e instanceof Problem && e.status === 400 && same ? new Advice(t("folders.titles.taken")) : e;
    });
    void refreshCatalog();
    void loadMeAfter();
    toast(t("folders.create.done"));
    goOn(href(["files", made.responses[0]!.id]));
  };
  return (
    <FormDialog title={t("folders.create.title")} action={t("common.create")} disabled={!product} onSubmit={make} onClose={onClose}>
      <Field label={t("folders.title")} name="title" required autofocus maxLength={16384} hint={t("folders.create.titleHint")} />
      {workspaces.length > 1 && (
        <Select
          label={t("folders.create.owner")} hint={t("folders.create.ownerHint")} value={workspace} onChange={(e) => setWorkspace(e.currentTarget.value)}
          choices={workspaces.map((w) => ({ value: w.id, label: w.id === "" ? t("folders.create.own") : t("folders.create.project", { title: visible(w.title) }) }))}
        />
      )}
      {offered.length > 1 && (
        <Select
          label={t("folders.product")} value={product ? keyOf(product) : ""} onChange={(e) => setChosen(e.currentTarget.value)}
          {...(product?.description && { hint: product.description })}
          choices={offered.map((p) => ({ value: keyOf(p), label: visible(p.reference.id) }))}
        />
      )}
      {products.value && offered.length === 0 && <Alert kind="warning">{t("folders.create.noProduct")}</Alert>}
      {product?.maintenance && <Alert kind="warning">{t("folders.create.maintenance", { what: visible(product.maintenance.description) })}</Alert>}
      <Loaded of={products}>{() => null}</Loaded>
      <Loaded of={room}>{(r) => <RoomLeft room={r} product={product} />}</Loaded>
    </FormDialog>
  );
}

const keyOf = (p: Product) => `${p.reference.provider}/${p.reference.category}/${p.reference.id}`;

function RoomLeft({ room, product }: { room: Room; product: Product | undefined }) {
  const { maxFolders, maxBytes, maxFiles } = room.limits;
  const category = product && room.categories.find((c) => c.category === `${product.reference.provider}/${product.reference.category}`);
  return (
    <>
      {maxFolders !== null && <Usage label={t("folders.create.folders")} used={room.folders} max={maxFolders} unit="folders" />}
      {maxFolders !== null && room.folders >= maxFolders && <Alert kind="warning">{t("folders.create.full")}</Alert>}
      {category && category.maxBytes !== null && <Usage label={t("folders.create.space")} used={category.usedBytes} max={category.maxBytes} unit="bytes" />}
      {category && category.maxBytes !== null && category.usedBytes >= category.maxBytes && <Alert kind="warning">{t("folders.create.spaceFull")}</Alert>}
      <p class="hint">
        {maxBytes !== null && maxFiles !== null
          ? t("folders.create.holds", { bytes: bytes(maxBytes), files: count(maxFiles), n: maxFiles })
          : maxBytes !== null
            ? t("folders.create.holdsBytes", { bytes: bytes(maxBytes) })
            : maxFiles !== null
              ? t("folders.create.holdsFiles", { files: count(maxFiles), n: maxFiles })
              : t("folders.create.holdsAll")}
      </p>
    </>
  );
}
