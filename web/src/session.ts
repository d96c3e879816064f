// The session (D34): the refresh token is in a cookie that no script reads; the access token lives ten
// minutes and only in this file's memory. Reloads, other tabs and 401s get a new one by the cookie.
//
// The cookie is the browser's, not this tab's: in another tab somebody else may sign in. A tab therefore looks at
// whom each new access token is for, and begins anew when that is another user.
import { signal } from "@preact/signals";

/** Who is signed in, as GET /api/davit/me tells. */
export type Me = {
  id: string;
  name: string;
  email: string | null;
  admin: boolean;
  credential: { kind: string; id?: string };
  workspaces: { id: string; title: string; role: "PI" | "ADMIN" | "USER" }[];
  groups: { id: string; project: string; title: string }[];
  limits: { maxFolders: number | null; maxBytes: number | null; maxFiles: number | null } | null;
  usage: { folders: number; bytes: number; files: number } | null;
  folders: { own: number; project: number; shared: number };
  /** For how many seconds a deleted folder can be restored; 0: not at all. */
  keepDeleted: number;
  mayCreateProjects: boolean;
};

/** starting: not known yet; lost: not known, for the server can't be reached; out: the sign-in form is shown; in: me is set. */
export const state = signal<"starting" | "lost" | "out" | "in">("starting");
export const me = signal<Me | null>(null);
/** Why the sign-in form is shown although somebody was signed in. signedOutHere: the server could not be told. */
export const endedWhy = signal<"" | "ended" | "signedOut" | "signedOutHere">("");

let access = "";
let gotAt: Then = { wall: 0, run: 0 }; // when the token came
let refreshed: Promise<boolean> | null = null;
// Counts sessions that began or ended here: an answer to a question of an earlier one is nobody's any more.
let round = 0;

/** After so long a token is renewed before it is used; the server takes it for ten minutes. */
const fresh = 8 * 60_000;

type Note = { what: "in"; user: string } | { what: "out" };
const others = new BroadcastChannel("davit-session");
others.onmessage = (e: MessageEvent<Note>) => {
  if (e.data.what === "out") {
    if (state.value !== "out") {
      end("signedOut");
    }
  } else if (state.value !== "in" || me.value?.name !== e.data.user) {
    void startOver();
  }
};

/** The token for Authorization: Bearer, or "". */
export const accessToken = (): string => access;

/** Another number for each session here: who asks in one must not ask on in the next. */
export const sessionRound = (): number => round;

/** Renews the token if it is about to end: a long upload would be refused only when all is sent. Unreachable servers are not told of. */
export async function keepFresh(): Promise<void> {
  if (access !== "" && sinceThen(gotAt) > fresh) {
    await refresh().catch(() => false);
  }
}

type Then = { wall: number; run: number };
// By two clocks: one may be set, the other stop while the machine sleeps.
const then = (): Then => ({ wall: Date.now(), run: performance.now() });
const sinceThen = (t: Then): number => Math.max(Date.now() - t.wall, performance.now() - t.run);

const csrf = (): string => /(?:^|;\s*)csrfToken=([^;]*)/.exec(document.cookie)?.[1] ?? "";

function byCookie(path: string): Promise<Response> {
  return fetch(path, { method: "POST", cache: "no-store", headers: { "X-CSRFToken": csrf(), Accept: "application/json" } });
}

/** The user's name in an access token. It decides nothing but whether to begin anew. */
function userOf(token: string): string {
  try {
    const bytes = Uint8Array.from(atob((token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
    return (JSON.parse(new TextDecoder().decode(bytes)) as { sub: string }).sub;
  } catch {
    return "";
  }
}

/**
 * Gets a new access token; false if there is no session any more, or it is another user's: then the sign-in form
 * comes, or that user's page. Callers at the same time share one request. Throws if the server can't be reached.
 */
export function refresh(): Promise<boolean> {
  if (refreshed) {
    return refreshed;
  }
  const mine: Promise<boolean> = refreshNow().finally(() => {
    if (refreshed === mine) {
      refreshed = null;
    }
  });
  return (refreshed = mine);
}

async function refreshNow(): Promise<boolean> {
  const asked = round;
  const ended = () => {
    if (asked === round && state.value !== "out") { // out: the form says why already
      end(state.value === "in" ? "ended" : "");
    }
    return false;
  };
  if (csrf() === "") {
    return ended();
  }
  const res = await fetchThrough(() => byCookie("/auth/refresh/web"));
  if (res.status === 401 || res.status === 403) {
    return ended();
  }
  if (!res.ok) {
    throw new TypeError(`refresh: ${res.status}`);
  }
  const token = ((await res.json()) as { accessToken: string }).accessToken;
  if (asked !== round) {
    return false;
  }
  if (me.value && me.value.name !== userOf(token)) {
    end("");
    keep(token);
    state.value = "starting";
    await loadMe().catch(lost);
    return false; // what was asked for was asked by somebody else
  }
  keep(token);
  return true;
}

function keep(token: string): void {
  access = token;
  gotAt = then();
}

// fetchThrough asks again a little later while the server restarts.
async function fetchThrough(ask: () => Promise<Response>): Promise<Response> {
  for (let pause = 500; ; pause *= 2) {
    try {
      const res = await ask();
      if (res.status !== 429 && res.status < 502) {
        return res;
      }
    } catch (e) {
      if (pause > 8000) {
        throw e;
      }
    }
    if (pause > 8000) {
      throw new TypeError("refresh: the server does not answer");
    }
    await new Promise((done) => setTimeout(done, pause));
  }
}

/** Learns whether somebody is signed in already. */
export async function start(): Promise<void> {
  state.value = "starting";
  try {
    if (await refresh()) {
      await loadMe();
    }
  } catch {
    lost();
  }
}

// lost is for a session that may be there: a form would make people type what they need not.
function lost(): void {
  if (state.value === "starting") {
    state.value = "lost";
  }
}

/** Forgets who was here and learns who is. */
function startOver(): Promise<void> {
  end("");
  refreshed = null;
  return start();
}

/** Reads who is signed in again, after limits, usage or memberships changed. */
export async function loadMe(): Promise<void> {
  const asked = round;
  const res = await fetch("/api/davit/me", { cache: "no-store", headers: { Accept: "application/json", Authorization: `Bearer ${access}` } });
  if (asked !== round) {
    return;
  }
  if (res.status === 401) {
    if (state.value === "in" && (await refresh())) {
      return loadMe();
    }
    if (asked === round) {
      end("ended");
    }
    return;
  }
  if (!res.ok) {
    throw new TypeError(`me: ${res.status}`);
  }
  const now = (await res.json()) as Me;
  if (asked !== round) {
    return;
  }
  if (JSON.stringify(now) !== JSON.stringify(me.value)) {
    me.value = now;
  }
  endedWhy.value = "";
  state.value = "in";
}

/** The same behind a change that is done: if it fails, that is no failure of the change, and the next request tells. */
export const loadMeAfter = (): Promise<void> => loadMe().catch(() => undefined);

let doubts = 0;
let looking = false;

/**
 * Reads who is signed in again, as when a request was refused: perhaps an administrator, or a member of a project, is none
 * any more. What of the page is not for them then goes.
 */
export function doubtMe(): void {
  doubts++;
  if (looking || state.value !== "in") {
    return;
  }
  const now = doubts;
  looking = true;
  loadMeAfter().finally(() => setTimeout(() => { // not for each of many refusals
    looking = false;
    if (doubts !== now) {
      doubtMe();
    }
  }, 3000));
}

/** What POST /auth/login answered when it refused. */
export type Refused = { status: number; why: string; retryAfter: number };

/** Signs in. Undefined if that worked; throws if the server can't be reached. */
export async function signIn(username: string, password: string): Promise<Refused | undefined> {
  const res = await fetch("/auth/login", {
    method: "POST",
    cache: "no-store",
    headers: { Accept: "application/json", "Content-Type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ username, password }),
  });
  if (!res.ok) {
    const body = (await res.json().catch(() => ({}))) as { why?: string };
    return { status: res.status, why: body.why ?? res.statusText, retryAfter: Number(res.headers.get("Retry-After") ?? 0) };
  }
  const got = (await res.json()) as { accessToken: string; username: string };
  round++; // a refresh that is on its way is for the cookie before
  refreshed = null;
  keep(got.accessToken);
  await loadMe();
  tell({ what: "in", user: got.username });
  return undefined;
}

/**
 * Ends the session on the server, here and in the other tabs. If the server can't be reached, the browser forgets
 * it all the same: without the word in the cookie csrfToken nothing comes of the other cookie.
 */
export async function signOut(): Promise<void> {
  let told = false;
  try {
    const res = await byCookie("/auth/logout/web");
    told = res.ok || res.status === 401;
  } catch {
    // told stays false
  }
  if (!told) {
    document.cookie = "csrfToken=; Path=/; Max-Age=0; SameSite=Strict";
  }
  tell({ what: "out" });
  end(told ? "signedOut" : "signedOutHere");
}

function tell(note: Note): void {
  others.postMessage(note);
}

// Somebody comes back to this tab, perhaps after the machine slept: what is shown may be of a session that has ended,
// or of somebody who is not signed in any more.
let looked = then();
function look(): void {
  if (document.visibilityState === "visible" && state.value === "in" && sinceThen(looked) > 30_000) {
    looked = then();
    refresh().then((still) => (still ? loadMe() : undefined)).catch(() => {}); // unreachable: requests will tell
  } else if (state.value === "lost") {
    void start();
  }
}
document.addEventListener("visibilitychange", look);
addEventListener("online", look);
addEventListener("pageshow", (e) => {
  if (e.persisted && state.value !== "starting") {
    void (state.value === "in" ? refresh().catch(() => false) : start());
  }
});

const endings: (() => void)[] = [];

/** Calls f when the session ends, for modules that hold what the next user must not see. */
export function onEnd(f: () => void): void {
  endings.push(f);
}

function end(why: typeof endedWhy.value): void {
  round++;
  access = "";
  me.value = null;
  endedWhy.value = why;
  state.value = "out";
  for (const f of endings) {
    f();
  }
}
