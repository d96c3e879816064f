// The answer to a bulk was lost with the connection: the server may have done all of it, some, or nothing. It is not
// asked again blindly; what is there once the server answers again tells what became of each task.
import { Advice, get, Problem } from "../api.ts";
import { type Folder, readFolder } from "../model.ts";
import { t } from "../text.ts";
import { numbered, trashName } from "./entry.ts";
import { readOrigins, type FileJSON } from "./listing.ts";
import type { Policy, Task } from "./work.tsx";

/** Whether an error says that no answer came from the server: what was asked for may have been done. */
export const isLost = (e: unknown): boolean => e instanceof Problem && [0, 502, 503, 504].includes(e.status);

/** What became of a task: its ID now ("" if nobody knows), nothing, or no telling. */
export type Fate = { id: string } | "undone" | "unknown";

/** Waits until the server answers; false if it was left off before. */
export async function answering(stop: AbortSignal): Promise<boolean> {
  for (let pause = 500; !stop.aborted; pause = Math.min(10_000, pause * 2)) {
    await new Promise<void>((done) => {
      const timer = setTimeout(over, pause);
      function over(): void {
        clearTimeout(timer);
        removeEventListener("online", over);
        stop.removeEventListener("abort", over);
        done();
      }
      addEventListener("online", over);
      stop.addEventListener("abort", over);
    });
    if (!stop.aborted && (await fetch("/readyz", { cache: "no-store", signal: stop }).then((res) => res.ok, () => false))) {
      return true;
    }
  }
  return false;
}

/** How long ago a moment was, by two clocks: one may be set, the other stop while the machine sleeps. */
export type Moment = { wall: number; run: number };
export const moment = (): Moment => ({ wall: Date.now(), run: performance.now() });
const ago = (m: Moment): number => Math.max(Date.now() - m.wall, performance.now() - m.run);

// The server's clock is the one by which files have their times; it is told in seconds.
async function since(began: Moment): Promise<number> {
  const res = await fetch("/readyz", { cache: "no-store" });
  const now = Date.parse(res.headers.get("Date") ?? "");
  return (Number.isNaN(now) ? Date.now() : now) - ago(began) - 2000;
}

async function look(id: string): Promise<FileJSON | undefined> {
  try {
    return await get<FileJSON>("/api/files/retrieve", { id });
  } catch (e) {
    if (e instanceof Problem && e.status === 404) {
      return undefined;
    }
    throw e;
  }
}

const folderOf = (id: string): string => id.split("/")[1] ?? "";
const sizeOf = (f: FileJSON): number => (f.status.type === "FILE" ? f.status.sizeInBytes ?? 0 : 0);

/**
 * What stops everything that is left: a folder is not there any more, or the right to do this in it; undefined if each
 * task is to be tried.
 */
export async function inTheWay(task: Task, changes: boolean): Promise<Advice | undefined> {
  const { id, oldId, newId } = task.body;
  const from = folderOf(id ?? oldId ?? "");
  const into = folderOf(newId ?? "");
  const wanted: [string, boolean][] = [[from, changes], ...(into !== "" && into !== from ? [[into, true] satisfies [string, boolean]] : [])];
  for (const [folder, write] of wanted) {
    try {
      const { rights, deleted }: Folder = await readFolder(folder);
      if (deleted !== null) {
        return new Advice(t("files.work.folderGone"));
      }
      if (!rights.includes(write ? "write" : "read")) {
        return new Advice(t("files.work.noRight"));
      }
    } catch (e) {
      if (e instanceof Problem && (e.status === 404 || e.status === 403)) {
        return new Advice(t("files.work.folderGone"));
      }
      throw e;
    }
  }
  return undefined;
}

/** Looks what became of tasks that were sent to a route and not answered. taken has the IDs that others have. Throws if that can't be learned. */
export async function fates(path: string, sent: readonly { task: Task; policy: Policy }[], began: Moment, taken: Set<string>): Promise<Fate[]> {
  const from = await since(began);
  const fate: Fate[] = sent.map(() => "unknown");
  const trashed = new Map<string, { id: string; at: number }>();
  if (path.endsWith("/trash")) {
    const folder = folderOf(sent[0]!.task.body["id"]!);
    const origins = await readOrigins(folder, trashName, new AbortController().signal).catch((e: unknown) => {
      if (e instanceof Problem && e.status === 404) {
        return []; // nothing was moved there yet
      }
      throw e;
    });
    for (const [name, { origin, at }] of origins) {
      if (at >= from && at > (trashed.get(origin)?.at ?? 0)) {
        trashed.set(origin, { id: `/${folder}/${trashName}/${name}`, at });
      }
    }
  }
  const one = async ({ task, policy }: { task: Task; policy: Policy }): Promise<Fate> => {
    const { id, oldId, newId } = task.body;
    if (oldId === undefined || newId === undefined) {
      return (await look(id!)) ? "undone" : { id: trashed.get(id!)?.id ?? "" };
    }
    if (path.endsWith("/move")) {
      return (await look(oldId)) ? "undone" : { id: policy === "REJECT" && (await look(newId)) ? newId : "" };
    }
    if (policy === "REPLACE") {
      return "undone"; // twice is the same as once
    }
    const was = await look(oldId);
    if (policy === "MERGE_RENAME" && task.dir) {
      return "unknown"; // parts of it may be there, and would be there twice
    }
    for (let n = 0; was; n++) {
      const name = n === 0 ? newId : numbered(newId, n);
      const there = await look(name);
      if (!there) {
        break;
      }
      if (there.createdAt >= from && !taken.has(name) && there.status.type === was.status.type && sizeOf(there) === sizeOf(was)) {
        taken.add(name);
        return { id: name };
      }
      if (policy === "REJECT") {
        break;
      }
    }
    return "undone";
  };
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let i = next++; i < sent.length; i = next++) {
      fate[i] = await one(sent[i]!);
    }
  };
  await Promise.all([lane(), lane(), lane(), lane()]);
  return fate;
}
