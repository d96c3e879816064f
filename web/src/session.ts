// The session (D34): the refresh token is in a cookie that no script reads; the access token lives ten
// minutes and only in this file's memory. Reloads, other tabs and 401s get a new one by the cookie.
import { signal } from "@preact/signals";

/** Who is signed in, as GET /api/davit/me tells. */
export type Me = {
  id: string;
  name: string;
  email: string | null;
  admin: boolean;
  workspaces: { id: string; title: string; role: "PI" | "ADMIN" | "USER" }[];
  limits: { maxFolders: number | null; maxBytes: number | null; maxFiles: number | null } | null;
  usage: { folders: number; bytes: number; files: number } | null;
  folders: { own: number; project: number; shared: number };
};

/** starting: not known yet; out: the sign-in form is shown; in: me is set. */
export const state = signal<"starting" | "out" | "in">("starting");
export const me = signal<Me | null>(null);
/** Why the sign-in form is shown although somebody was signed in. */
export const endedWhy = signal<"" | "ended" | "signedOut">("");

let access = "";
let refreshed: Promise<boolean> | null = null;

const others = new BroadcastChannel("davit-session");
others.onmessage = (e: MessageEvent<string>) => {
  if (e.data === "out" && state.value === "in") {
    end("signedOut");
  } else if (e.data === "in" && state.value === "out") {
    void start();
  }
};

/** The token for Authorization: Bearer, or "". */
export const accessToken = (): string => access;

const csrf = (): string => /(?:^|;\s*)csrfToken=([^;]*)/.exec(document.cookie)?.[1] ?? "";

function byCookie(path: string): Promise<Response> {
  return fetch(path, { method: "POST", headers: { "X-CSRFToken": csrf(), Accept: "application/json" } });
}

/**
 * Gets a new access token; false if there is no session any more, in which case the sign-in form comes.
 * Callers at the same time share one request. Throws if the server can't be reached.
 */
export function refresh(): Promise<boolean> {
  refreshed ??= refreshNow().finally(() => {
    refreshed = null;
  });
  return refreshed;
}

async function refreshNow(): Promise<boolean> {
  if (csrf() === "") {
    end(state.value === "in" ? "ended" : "");
    return false;
  }
  const res = await fetchThrough(() => byCookie("/auth/refresh/web"));
  if (res.status === 401 || res.status === 403) {
    end(state.value === "in" ? "ended" : "");
    return false;
  }
  if (!res.ok) {
    throw new TypeError(`refresh: ${res.status}`);
  }
  access = ((await res.json()) as { accessToken: string }).accessToken;
  return true;
}

// fetchThrough asks again a little later while the server restarts.
async function fetchThrough(ask: () => Promise<Response>): Promise<Response> {
  for (let pause = 500; ; pause *= 2) {
    try {
      const res = await ask();
      if (res.status !== 503 && res.status !== 429) {
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
  try {
    if (await refresh()) {
      await loadMe();
    }
  } catch {
    state.value = "out"; // unreachable: the form says so when it is used
  }
}

/** Reads who is signed in again, after limits, usage or memberships changed. */
export async function loadMe(): Promise<void> {
  const res = await fetch("/api/davit/me", { headers: { Authorization: `Bearer ${access}` } });
  if (res.status === 401) {
    end("ended");
    return;
  }
  if (!res.ok) {
    throw new TypeError(`me: ${res.status}`);
  }
  me.value = (await res.json()) as Me;
  endedWhy.value = "";
  state.value = "in";
}

/** What POST /auth/login answered when it refused. */
export type Refused = { status: number; why: string; retryAfter: number };

/** Signs in. Undefined if that worked; throws if the server can't be reached. */
export async function signIn(username: string, password: string): Promise<Refused | undefined> {
  const res = await fetch("/auth/login", {
    method: "POST",
    headers: { Accept: "application/json", "Content-Type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ username, password }),
  });
  if (!res.ok) {
    const body = (await res.json().catch(() => ({}))) as { why?: string };
    return { status: res.status, why: body.why ?? res.statusText, retryAfter: Number(res.headers.get("Retry-After") ?? 0) };
  }
  access = ((await res.json()) as { accessToken: string }).accessToken;
  await loadMe();
  others.postMessage("in");
  return undefined;
}

/** Ends the session on the server, here and in the other tabs. */
export async function signOut(): Promise<void> {
  try {
    await byCookie("/auth/logout/web");
  } finally {
    others.postMessage("out");
    end("signedOut");
  }
}

const endings: (() => void)[] = [];

/** Calls f when the session ends, for modules that hold what the next user must not see. */
export function onEnd(f: () => void): void {
  endings.push(f);
}

function end(why: "" | "ended" | "signedOut"): void {
  access = "";
  me.value = null;
  endedWhy.value = why;
  state.value = "out";
  for (const f of endings) {
    f();
  }
}
