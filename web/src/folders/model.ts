// What the page knows of folders: as the server shows them, and what may be done with them.
import { Advice, at, call, get, post } from "../api.ts";
import { byName, cut, visible } from "../format.ts";
import { type Folder, type Group, readAll, type Right } from "../model.ts";
import { me, onEnd } from "../session.ts";
import { t } from "../text.ts";

export const can = (f: Folder, right: Right): boolean => f.rights.includes(right);

/** own: a personal folder of who is signed in; project: of a project; shared: somebody else's. */
export const kindOf = (f: Folder): "own" | "project" | "shared" => (f.project ? "project" : f.owner === me.value?.name ? "own" : "shared");

/** Who has it: the title of a project, or a name; for sorting and searching. */
export const holder = (f: Folder): string => f.project?.title ?? f.owner ?? "";

/** What rights allow, in a word or two. */
export function rightsText(f: { rights: readonly Right[] }): string {
  const has = (r: Right) => f.rights.includes(r);
  return t(has("admin") ? "folders.rights.admin" : has("remove") ? "folders.rights.edit" : has("write") ? "folders.rights.write" : has("read") ? "folders.rights.read" : "folders.rights.none");
}

/** A label as it is looked for; the value may be empty. */
export const labelText = (key: string, value: string): string => (value === "" ? visible(key) : t("folders.labels.text", { key: visible(key), value: visible(value) }));

/** A label as it is shown: its name has up to 256 characters, its value up to 4096. */
export const labelShort = (key: string, value: string): string => labelText(cut(key, 60), cut(value, 100));

export const labelsOf = (f: Folder): [string, string][] => Object.entries(f.labels).sort(([a], [b]) => byName(a, b));

/** Where new folders can be made: the user's own workspace has the ID "". */
export const workspacesToMakeIn = (): { id: string; title: string }[] =>
  (me.value?.workspaces ?? []).filter((w) => w.id === "" || w.role === "PI" || w.role === "ADMIN").map(({ id, title }) => ({ id, title }));

/** Fails with what is wrong with a title that somebody typed, as the server would refuse it. */
export function checkTitle(title: string): void {
  if (title.trim() === "") {
    throw new Advice(t("folders.titles.blank"));
  }
  if (/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/u.test(title)) {
    throw new Advice(t("folders.titles.control"));
  }
  if (/^[0-9a-f]{32}$|^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(title)) {
    throw new Advice(t("folders.titles.id"));
  }
}

/** A storage product, as GET /api/files/collections/retrieveProducts shows it. */
export type Product = {
  reference: { id: string; category: string; provider: string };
  description: string;
  maintenance: { description: string } | null;
  /** The one that folders are of if nobody asks for another. */
  usual: boolean;
  collection: { aclModifiable: boolean; usersCanCreate: boolean; usersCanDelete: boolean; usersCanRename: boolean };
};

type Products = {
  productsByProvider: {
    [provider: string]: { product: { description: string }; support: { product: Product["reference"]; collection: Product["collection"]; maintenance: { description: string } | null } }[];
  };
};

let products: Promise<Product[]> | undefined;

/** The products of folders; they do not change while the server runs. */
export function readProducts(): Promise<Product[]> {
  products ??= Promise.all([get<Products>("/api/files/collections/retrieveProducts"), get<{ allowed: string[] }>("/folders/_/hosts")]).then(
    ([all, { allowed }]) =>
      Object.values(all.productsByProvider)
        .flat()
        .map(({ product, support }): Product => {
          const { provider, category, id } = support.product;
          // As a host the usual one is called "local", all others by their names.
          const usual = allowed.includes("local") && !allowed.includes(`${provider}:${id}`) && !allowed.includes(`${provider}:${category}:${id}`);
          return { reference: support.product, description: product.description, maintenance: support.maintenance, usual, collection: support.collection };
        }),
    (e: unknown) => {
      products = undefined;
      throw e;
    },
  );
  return products;
}

onEnd(() => {
  products = undefined;
});

export type Entity = { type: "user"; username: string } | { type: "project_group"; projectId: string; group: string };
export type Permission = "READ" | "EDIT";
export type Grant = { entity: Entity; permissions: Permission[] };

/** The access list of a folder that the caller sees. */
export async function readGrants(id: string, signal?: AbortSignal): Promise<Grant[]> {
  const c = await get<{ permissions: { others: Grant[] } }>("/api/files/collections/retrieve", { id, includeOthers: true }, signal);
  return c.permissions.others;
}

/** Gives rights in place of what the same entity had, or takes them away for null. */
export const setGrant = (id: string, entity: Entity, permission: Permission | null): Promise<unknown> =>
  post("/api/files/collections/updateAcl", {
    type: "bulk",
    items: [permission === null ? { id, added: [], deleted: [entity] } : { id, added: [{ entity, permissions: permission === "EDIT" ? ["READ", "EDIT"] : ["READ"] }], deleted: [] }],
  });

/** The groups of a project that who is signed in is in. */
export const readGroups = (project: string, signal?: AbortSignal): Promise<Group[]> => readAll<Group>(at`/api/davit/projects/${project}/groups`, {}, signal);

/** Sends a request in a workspace: "" is one's own. */
export const inWorkspace = <T>(project: string, method: string, path: string, body: unknown): Promise<T> =>
  call<T>(method, path, { body, ...(project !== "" && { headers: { Project: project } }) });
