// The queue of uploads: what is on its way, what waits, and what became of the rest. It works on while the person is
// elsewhere in the page, pauses when the server or the session goes away, and never goes on as another user.
//
// Uploads are plain objects that change; who shows them reads version, which changes with them, a few times a
// second at most.
import { effect, signal, untracked } from "@preact/signals";
import { aborted, Problem } from "../api.ts";
import { numbered } from "../files/entry.ts";
import { visible } from "../format.ts";
import { endedWhy, me, onEnd, state as session } from "../session.ts";
import { t } from "../text.ts";
import type { Collected } from "./collect.ts";
import { topOf } from "./collect.ts";
import { landed, type Target, wanted } from "./place.ts";
import * as memory from "./memory.ts";
import { announceRunning } from "./tabs.ts";
import { begin, drop, listOnServer, look, makeDirectories, makeDirectory, mayWrite, same, sendParts, sendWhole, small, type There } from "./send.ts";
import { judge, type Limit, nameTrouble, Passing, room, type Trouble } from "./trouble.ts";

/** waiting: for its turn; asking: its name is taken, and the person decides. */
export type State = "waiting" | "running" | "paused" | "asking" | "done" | "skipped" | "canceled" | "failed";
const states: readonly State[] = ["waiting", "running", "paused", "asking", "done", "skipped", "canceled", "failed"];

const isOpen = (s: State): boolean => s === "waiting" || s === "running" || s === "paused" || s === "asking";

/** What to do with a name that is taken. */
export type Choice = "both" | "replace" | "skip";

/** A file on its way. */
export type Upload = {
  readonly id: number;
  readonly batch: Batch;
  /** Below the target, as it was chosen. */
  readonly path: string;
  readonly file: File;
  /** Its number among the files of the batch, for the memory. */
  readonly index: number;
  state: State;
  /** Bytes that have arrived. */
  sent: number;
  /** Where the server keeps the parts that have arrived. */
  url?: string | undefined;
  /** ETag of the version that it replaces, which was looked at. */
  match?: string | undefined;
  /** How often it was given another name. */
  number: number;
  there?: There | undefined;
  /** What is there has changed since the person decided to replace it. */
  changed?: boolean;
  trouble?: Trouble | undefined;
  /** Answers that did not come since something arrived. */
  lost: number;
  /** An answer was lost when all bytes were sent, or the beginning of an upload. */
  unsure?: boolean;
  stop?: AbortController | undefined;
};

/** Files that were added together. */
type Batch = {
  readonly id: string;
  readonly target: Target;
  readonly user: string;
  readonly name: string;
  readonly uploads: Upload[];
  readonly dirs: readonly string[];
  /** Directories are made first. */
  ready: boolean;
  /** How many are not at their end, and how many failed. */
  open: number;
  failed: number;
  policy?: Choice | undefined;
  /** Files that the memory has beside these. */
  readonly others: number;
};

/** Changes when anything of the queue does. */
export const version = signal(0);
/** Nothing is sent until the person says so. */
export const held = signal(false);
/** The server does not answer; it is asked again and again. */
export const offline = signal(false);
/** Directories that are being read. */
export const reading = signal<number | null>(null);
/** Tells how many files were found so far in what was dropped; null when all are. */
export function tellReading(n: number | null): void {
  reading.value = n;
  wanted.value = true;
}
/** What the person is told about what was chosen. */
export const notes = signal<readonly string[]>([]);

/** Bytes a second, of the last few seconds; 0 if not known. */
export const speed = signal(0);

export const batches: Batch[] = [];
let everyone: Upload[] = [];
const numbers = new Map<State, number>();
let waiting: Upload[] = [];
let owner = "";
let last = 0;

// So many requests at a time leave the browser connections for the rest of the page.
const parallel = 4;
let running = 0;

const many = (s: State): number => numbers.get(s) ?? 0;
const left = (): number => many("waiting") + many("running") + many("paused") + many("asking");

/** What a component reads of these it is drawn again for. */
function read<T>(value: () => T): T {
  void version.value;
  return value();
}

/** All uploads of the list. */
export const uploads = (): readonly Upload[] => read(() => everyone);
/** How many are in a state. */
export const inState = (s: State): number => read(() => many(s));
/** How many are not at their end. */
export const open = (): number => read(left);
/** Bytes of what is at its end or on its way, and of all of it. */
export const bytesOf = (): { sent: number; total: number; left: number } => read(sumUp);
/** The name that it gets, below the target. */
export const nameOf = (u: Upload): string => (u.number === 0 ? u.path : numbered(u.path, u.number));
/** The name of the file that it becomes, in its folder. */
export const pathOf = (u: Upload): string => join(u.batch.target.path, nameOf(u));

const join = (dir: string, name: string): string => (dir === "" ? name : `${dir}/${name}`);

let timer: ReturnType<typeof setTimeout> | undefined;

/** Tells that something changed; who shows it hears of it soon. */
function changed(): void {
  timer ??= setTimeout(() => {
    timer = undefined;
    version.value++;
  }, 100);
}

function set(u: Upload, to: State): void {
  if (u.state === to) {
    return;
  }
  numbers.set(u.state, many(u.state) - 1);
  numbers.set(to, many(to) + 1);
  u.batch.open += Number(isOpen(to)) - Number(isOpen(u.state));
  u.batch.failed += Number(to === "failed") - Number(u.state === "failed");
  u.state = to;
  if (to === "done" || to === "skipped") {
    memory.arrived(u.batch.id, u.index);
  }
  warn();
  changed();
}

// The browser asks before a tab is closed in which something is on its way.
const ask = (e: BeforeUnloadEvent): void => e.preventDefault();
let warns = false;
function warn(): void {
  const should = left() > 0;
  if (should !== warns) {
    warns = should;
    (should ? addEventListener : removeEventListener)("beforeunload", ask as EventListener);
  }
}

/** What add may be told beside the files. */
export type Earlier = { batch: string; index: Map<string, number>; urls: Map<string, string>; others: number };

/** Puts files into the queue. earlier is given when they go on that were begun before. */
export function add(target: Target, found: Collected, earlier?: Earlier): void {
  const user = me.value?.id;
  if (!user) {
    return;
  }
  owner = user;
  const news: string[] = [];
  if (found.unread.length > 0) {
    news.push(t("uploads.unread", { n: found.unread.length, names: found.unread.slice(0, 5).map(visible).join(", ") + (found.unread.length > 5 ? ", …" : "") }));
  }
  if (found.files.length === 0 && found.dirs.length === 0) {
    news.push(t("uploads.nothing"));
    notes.value = news;
    wanted.value = true;
    return;
  }
  notes.value = news;
  if (left() === 0) {
    speed.value = 0;
    samples = [];
  }
  const top = topOf([...found.files.map((f) => f.path), ...found.dirs]);
  const batch: Batch = {
    id: earlier?.batch ?? `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`,
    target, user, name: top.length === 1 ? top[0]! : "", uploads: [], dirs: found.dirs, ready: false, open: 0, failed: 0, others: earlier?.others ?? 0,
  };
  batches.push(batch);
  for (const [i, { path, file }] of found.files.entries()) {
    const u: Upload = { id: ++last, batch, path, file, index: earlier?.index.get(path) ?? i, state: "waiting", sent: 0, url: earlier?.urls.get(path), number: 0, lost: 0 };
    numbers.set("waiting", many("waiting") + 1);
    batch.uploads.push(u);
    batch.open++;
    everyone.push(u);
    const refused = nameTrouble(path);
    if (refused) {
      fail(u, refused);
    }
  }
  wanted.value = true;
  warn();
  changed();
  announceRunning(batches.map((b) => b.id));
  if (!earlier && batch.uploads.length > 0) {
    void memory.keep({
      id: batch.id, user, folder: target.folder, folderName: target.folderName, path: target.path, name: batch.name, directory: found.dirs.length > 0, started: Date.now(),
      files: batch.uploads.map((u) => [u.path, u.file.size, Math.floor(u.file.lastModified / 1000)]), handles: found.handles,
    });
  }
  void prepare(batch);
}

// prepare makes the directories of a batch, then its files have their turn.
async function prepare(batch: Batch): Promise<void> {
  const paths = batch.dirs.map((d) => join(batch.target.path, d));
  const legal = paths.filter((p) => !nameTrouble(p));
  const folder = batch.target.folder;
  for (;;) {
    if (!mine(batch)) {
      return;
    }
    try {
      await makeDirectories(folder, legal);
      break;
    } catch (e) {
      const what = judge(e);
      if (session.value !== "in") {
        await signedIn();
        continue;
      }
      if (what instanceof Passing) {
        await answering(what);
        continue;
      }
    }
    // Something is against one of them: find out which, and what it stops.
    const failed: string[] = [];
    let next = 0;
    while (next < legal.length) {
      const path = legal[next]!;
      const above = failed.find((f) => path.startsWith(`${f}/`));
      if (above !== undefined) {
        next++;
        continue;
      }
      try {
        await makeDirectory(folder, path);
      } catch (e) {
        const what = judge(e);
        if (!mine(batch)) {
          return;
        }
        if (what instanceof Passing) {
          await answering(what);
          continue;
        }
        failed.push(path);
        const below = join(path, "").slice(batch.target.path === "" ? 0 : batch.target.path.length + 1);
        let told = false;
        for (const u of batch.uploads) {
          if (u.state !== "canceled" && (what.everything || u.path.startsWith(below))) {
            fail(u, what);
            told = true;
          }
        }
        if (!told) {
          notes.value = [...notes.value, `${visible(path)}: ${what.words || t("uploads.trouble.full", { why: "" })}`];
        }
      }
      next++;
    }
    break;
  }
  batch.ready = true;
  for (const d of paths) {
    landed(folder, d.slice(0, Math.max(0, d.lastIndexOf("/"))));
  }
  for (const u of batch.uploads) {
    if (u.state === "waiting") {
      waiting.push(u);
    }
  }
  changed();
  pump();
  settle(batch);
}

// signedIn waits until somebody is; then mine says whether it is the same person.
function signedIn(): Promise<void> {
  return new Promise((done) => {
    const end = effect(() => {
      if (session.value === "in") {
        done();
        queueMicrotask(() => end());
      }
    });
  });
}

const mine = (batch: Batch): boolean => batches.includes(batch);

/** Gives uploads their turns. */
function pump(): void {
  if (session.value !== "in" || me.value?.id !== owner || held.value || offline.value) {
    return;
  }
  while (running < parallel) {
    const u = waiting.shift();
    if (!u) {
      break;
    }
    if (u.state === "waiting") {
      running++;
      void run(u).finally(() => {
        running--;
        pump();
        settle(u.batch);
      });
    }
  }
  watch();
}

async function run(u: Upload): Promise<void> {
  const stop = (u.stop = new AbortController());
  set(u, "running");
  try {
    await send(u, stop.signal);
    u.sent = u.file.size;
    finished(u);
  } catch (e) {
    if (!stop.signal.aborted) {
      await failed(u, e, stop.signal);
    } else if (!aborted(e) && u.state === "running") {
      later(u);
    }
  } finally {
    if (u.stop === stop) {
      u.stop = undefined;
    }
  }
}

function finished(u: Upload): void {
  if (u.url !== undefined) {
    void memory.forgetURL(u.url);
    u.url = undefined;
  }
  set(u, "done");
  const path = pathOf(u);
  landed(u.batch.target.folder, path.slice(0, Math.max(0, path.lastIndexOf("/"))));
}

async function send(u: Upload, signal: AbortSignal): Promise<void> {
  const sending = {
    folder: u.batch.target.folder, path: pathOf(u), file: u.file, match: u.match, signal,
    progress: (sent: number) => {
      if (sent > u.sent) {
        u.lost = 0;
      }
      u.sent = Math.min(sent, u.file.size);
      u.unsure ||= sent >= u.file.size;
      changed();
    },
  };
  if (u.url === undefined && u.file.size <= small) {
    u.sent = 0;
    await sendWhole(sending);
    return;
  }
  if (u.url === undefined && u.unsure) {
    u.url = await orphan(u);
  }
  if (u.url === undefined) {
    u.unsure = true; // if the answer is lost, the server has an upload that nobody knows
    u.url = await begin(sending);
    u.unsure = false;
    void memory.keepURL({ url: u.url, batch: u.batch.id, file: u.index });
  }
  if (!(await sendParts(sending, u.url))) {
    // It has expired; or it was completed, and the server has forgotten that in a restart: then the name is taken now.
    void memory.forgetURL(u.url);
    u.url = undefined;
    u.sent = 0;
    await send(u, signal);
  }
}

// orphan finds the upload that was begun by a request whose answer was lost.
async function orphan(u: Upload): Promise<string | undefined> {
  const known = new Set(everyone.map((o) => o.url));
  const found = (await listOnServer()).find((o) => o.folder === u.batch.target.folder && o.path === pathOf(u) && o.length === u.file.size && !known.has(o.url));
  return found?.url;
}

// failed decides what becomes of an upload. Whoever stops it meanwhile has decided that already.
async function failed(u: Upload, e: unknown, stopped: AbortSignal): Promise<void> {
  if (e instanceof Problem && e.status === 401) {
    later(u); // the session has ended, and onEnd is told
    return;
  }
  if (e instanceof Problem && (e.status === 412 || e.status === 405 || e.code === "is-collection")) {
    await conflict(u, stopped);
    return;
  }
  let what = judge(e);
  if (!(what instanceof Passing) && e instanceof Problem && e.status === 403 && !what.everything) {
    try {
      if (!(await mayWrite(u.batch.target.folder))) {
        what = judge(new Problem(403, "need-privileges", e.message));
      }
    } catch (again) {
      what = judge(again); // the folder is not to be seen any more
    }
    if (stopped.aborted) {
      return;
    }
  }
  if (what instanceof Passing) {
    u.lost++;
    if (u.lost >= 8) {
      fail(u, { key: "broken", words: t("uploads.trouble.broken"), again: true });
      return;
    }
    later(u);
    await answering(what);
    return;
  }
  if (["changed", "vanished", "another"].includes(what.key)) {
    giveUp(u);
  }
  fail(u, what);
  const same = (o: Upload) => o !== u && o.batch.target.folder === u.batch.target.folder;
  if (what.everything) {
    waiting.filter(same).forEach((o) => fail(o, what));
  } else if (what.limit) {
    const { limit } = what;
    waiting.filter((o) => same(o) && !fits(o, limit)).forEach((o) => fail(o, what));
  }
}

// fits says whether another file may still find room after a limit has refused one.
const fits = (o: Upload, l: Limit): boolean => o.url !== undefined || o.match !== undefined || (l.limit === "folder-files" ? room(l) > 0 : o.file.size <= room(l));

function fail(u: Upload, trouble: Trouble): void {
  u.trouble = trouble;
  set(u, "failed");
}

// later puts an upload back to the front of the queue.
function later(u: Upload): void {
  set(u, "waiting");
  waiting.unshift(u);
}

let probing: Promise<void> | undefined;
let awake = () => {};

/** Waits until the server answers again, or for as long as it asked for. Meanwhile nothing is sent. */
function answering(why: Passing): Promise<void> {
  if (why.reachable && !probing) {
    return new Promise((done) => setTimeout(done, Math.max(0.5, why.after) * 1000));
  }
  probing ??= probe(why.after).finally(() => {
    probing = undefined;
    offline.value = false;
    changed();
    pump();
  });
  return probing;
}

async function probe(after: number): Promise<void> {
  for (let pause = Math.max(0.5, after); ; pause = Math.min(20, pause * 2)) {
    await new Promise<void>((done) => {
      awake = done;
      setTimeout(done, pause * 1000);
    });
    try {
      const res = await fetch("/readyz", { cache: "no-store" });
      if (res.ok) {
        return;
      }
    } catch {
      // not yet
    }
    offline.value = true;
    changed();
  }
}

addEventListener("online", () => awake());
addEventListener("offline", () => {
  if (left() > 0) {
    void answering(new Passing(0, false));
  }
});

/** The uploads that wait for a decision, the first of which is asked about. */
export const asking = signal<readonly Upload[]>([]);

async function conflict(u: Upload, stopped: AbortSignal): Promise<void> {
  const folder = u.batch.target.folder;
  let there: There | undefined;
  try {
    there = await look(folder, pathOf(u));
    const arrived = there !== undefined && u.unsure === true && (await same(folder, pathOf(u), there, u.file));
    if (stopped.aborted) {
      return;
    }
    if (arrived) {
      finished(u);
      return;
    }
  } catch (e) {
    if (stopped.aborted) {
      return;
    }
    return e instanceof Problem && e.status === 412 ? conflict(u, stopped) : failed(u, e, stopped);
  }
  u.unsure = false;
  if (u.url !== undefined) { // its condition holds no more, and can't be changed
    giveUp(u);
  }
  u.sent = 0;
  const replaced = u.match !== undefined;
  u.match = undefined;
  if (!there) {
    later(u); // it has gone again
    return;
  }
  u.there = there;
  u.changed = replaced;
  const policy = u.number > 0 ? "both" : u.batch.policy;
  if (policy !== undefined && !replaced && !(policy === "replace" && there.directory)) {
    apply(u, policy);
    return;
  }
  set(u, "asking");
  asking.value = [...asking.value, u];
}

/** Does what the person decided: for one upload, or for all of its kind. */
export function decide(u: Upload, choice: Choice, all: boolean): void {
  if (all) {
    for (const b of new Set(asking.value.map((o) => o.batch))) {
      b.policy = choice;
    }
  }
  const now = all ? asking.value.filter((o) => !(choice === "replace" && o.there?.directory)) : [u];
  asking.value = asking.value.filter((o) => !now.includes(o));
  for (const o of now) {
    apply(o, choice);
  }
  pump();
  now.forEach((o) => settle(o.batch));
}

function apply(u: Upload, choice: Choice): void {
  if (choice === "skip") {
    set(u, "skipped");
    return;
  }
  if (choice === "replace") {
    u.match = u.there?.etag;
  } else {
    u.number++;
  }
  later(u);
}

// giveUp removes what the server has of an upload. If that fails it expires there, or is discarded by hand.
function giveUp(u: Upload): void {
  const url = u.url;
  u.url = undefined;
  if (url !== undefined) {
    drop(url).then(() => memory.forgetURL(url), () => undefined);
  }
}

function interrupt(u: Upload, to: State): void {
  asking.value = asking.value.filter((o) => o !== u);
  set(u, to);
  u.stop?.abort();
  waiting = waiting.filter((o) => o !== u);
}

/** Pauses one upload; what has arrived stays. */
export function pause(u: Upload): void {
  if (u.state === "waiting" || u.state === "running") {
    interrupt(u, "paused");
    pump();
  }
}

export function resume(u: Upload): void {
  if (u.state === "paused") {
    u.lost = 0;
    set(u, "waiting");
    if (u.batch.ready) {
      waiting.unshift(u);
    }
    pump();
  }
}

/** Pauses all, also what is added later. */
export function pauseAll(): void {
  held.value = true;
  for (const u of everyone) {
    if (u.state === "running") {
      interrupt(u, "waiting");
      waiting.unshift(u);
    }
  }
  changed();
}

export function resumeAll(): void {
  held.value = false;
  for (const u of everyone) {
    if (u.state === "paused") {
      set(u, "waiting");
      if (u.batch.ready) {
        waiting.push(u);
      }
    }
  }
  pump();
  changed();
}

/** Cancels uploads that are not at their end; what has arrived of them is removed from the server. */
export function cancel(some: readonly Upload[]): void {
  const gone = new Set(some.filter((u) => isOpen(u.state) || u.state === "failed"));
  waiting = waiting.filter((u) => !gone.has(u));
  asking.value = asking.value.filter((u) => !gone.has(u));
  for (const u of gone) {
    set(u, "canceled");
    u.stop?.abort();
    giveUp(u);
  }
  pump();
  for (const b of new Set([...gone].map((u) => u.batch))) {
    settle(b);
  }
}

/** Tries those again that failed. */
export function retry(some: readonly Upload[]): void {
  const again = new Set<Batch>();
  for (const u of some) {
    if (u.state === "failed" && u.trouble?.again) {
      u.trouble = undefined;
      u.lost = 0;
      set(u, "waiting");
      again.add(u.batch);
    }
  }
  for (const b of again) {
    if (!batches.includes(b)) {
      batches.push(b);
    }
    b.ready = false;
    waiting = waiting.filter((u) => u.batch !== b);
    void prepare(b); // its directories may be gone
  }
  announceRunning(batches.map((b) => b.id));
}

// settle looks whether a batch is at its end. One with failures is remembered until its list is cleared.
function settle(b: Batch): void {
  if (b.ready && b.open === 0 && b.failed === 0) {
    remove(b);
  }
}

function remove(b: Batch): void {
  const at = batches.indexOf(b);
  if (at >= 0) {
    batches.splice(at, 1);
    announceRunning(batches.map((o) => o.id));
    if (b.others === 0) {
      void memory.forget(b.id);
    }
  }
}

/** Takes out of the list what is at its end. Failed ones are given up. */
export function clear(): void {
  for (const u of everyone) {
    if (u.state === "failed") {
      giveUp(u);
    }
  }
  for (const b of [...batches]) {
    if (b.open === 0) {
      remove(b);
    }
  }
  everyone = everyone.filter((u) => isOpen(u.state));
  count();
  notes.value = [];
  changed();
}

function count(): void {
  for (const s of states) {
    numbers.set(s, 0);
  }
  for (const u of everyone) {
    numbers.set(u.state, many(u.state) + 1);
  }
  warn();
}

function sumUp(): { sent: number; total: number; left: number } {
  let sent = 0;
  let total = 0;
  let left = 0;
  for (const u of everyone) {
    switch (u.state) {
      case "skipped":
      case "canceled":
      case "failed":
        continue;
      case "done":
        sent += u.file.size;
        break;
      default:
        sent += u.sent;
        left += u.file.size - u.sent;
    }
    total += u.file.size;
  }
  return { sent, total, left };
}

// The speed is that of the last seconds, not of the last moment.
let samples: { at: number; sent: number }[] = [];
let watching: ReturnType<typeof setInterval> | undefined;
function watch(): void {
  if (running > 0 && watching === undefined) {
    samples = [];
    watching = setInterval(() => {
      const { sent } = sumUp();
      const now = performance.now();
      samples = [...samples.filter((s) => now - s.at < 8000), { at: now, sent }];
      const first = samples[0]!;
      speed.value = now - first.at >= 1000 && sent > first.sent ? ((sent - first.sent) * 1000) / (now - first.at) : 0;
      if (running === 0) {
        clearInterval(watching);
        watching = undefined;
        speed.value = 0;
      }
      changed();
    }, 500);
  }
}

function dropAll(): void {
  waiting = [];
  asking.value = [];
  const was = everyone;
  everyone = [];
  batches.length = 0;
  owner = "";
  for (const u of was) {
    u.state = "canceled";
    u.stop?.abort();
  }
  held.value = false;
  notes.value = [];
  count();
  announceRunning([]);
  changed();
}

onEnd(() => {
  if (endedWhy.peek() === "signedOut" || endedWhy.peek() === "signedOutHere") {
    dropAll();
    void memory.forgetAll();
    return;
  }
  for (const u of everyone) { // the same person may sign in again
    if (u.state === "running") {
      interrupt(u, "waiting");
      waiting.unshift(u);
    }
  }
});

effect(() => {
  if (session.value !== "in" || owner === "") {
    return;
  }
  const same = me.value?.id === owner;
  untracked(same ? pump : dropAll);
});
