// Requests to the APIs and to WebDAV, with the session's token, and their errors in one shape.
import { accessToken, doubtMe, keepFresh, refresh, sessionRound } from "./session.ts";
import { t } from "./text.ts";

/**
 * What a server refused, or that it could not be reached. message is for people; status is 0 if there was no
 * answer; code is what programs compare: the last step of a problem's type, an errorCode, or "".
 */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** Seconds after which to try again, or 0. */
    readonly retryAfter = 0,
    /** What a problem's type promises beside it. */
    readonly data: unknown = undefined,
    /** The server's X-Request-Id, which its log has too. */
    readonly requestID = "",
    /** Of a bulk of files: how many of its first items were done before one failed. */
    readonly itemsDone = 0,
    /** Of a bulk: which item it is about, or -1. */
    readonly item = -1,
  ) {
    super(message);
  }
}

/** What the page itself has against what somebody asks for, in words for people. */
export class Advice extends Error {}

/** The words for any error that was caught. */
export function messageOf(e: unknown): string {
  return e instanceof Problem || e instanceof Advice ? e.message : e instanceof Error ? t("errors.unexpected", { what: e.message }) : String(e);
}

export const aborted = (e: unknown): boolean => e instanceof DOMException && e.name === "AbortError";

export type Options = {
  query?: { [name: string]: string | number | boolean | undefined | null };
  /** Sent as JSON, unless it is a Blob, a string or a form. */
  body?: unknown;
  headers?: { [name: string]: string };
  signal?: AbortSignal;
};

/**
 * Sends a request with the session's token; one that the token was too old for is sent once more. The answer is
 * any that is not an error, 304 included; errors are thrown as Problem, and an AbortError if signal asked for it.
 */
export async function request(method: string, path: string, opts: Options = {}): Promise<Response> {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(opts.query ?? {})) {
    if (value !== undefined && value !== null) {
      query.set(name, String(value));
    }
  }
  const url = path + (query.size > 0 ? `?${query}` : "");
  let body: BodyInit | undefined;
  const headers: Record<string, string> = { ...opts.headers };
  if (opts.body instanceof Blob || typeof opts.body === "string" || opts.body instanceof URLSearchParams || opts.body instanceof FormData) {
    body = opts.body;
  } else if (opts.body !== undefined) {
    body = JSON.stringify(opts.body);
    headers["Content-Type"] ??= "application/json";
  }
  const send = async () => {
    try {
      return await fetch(url, {
        method, body: body ?? null, signal: opts.signal ?? null, cache: "no-store",
        headers: { Accept: "application/json", ...headers, Authorization: `Bearer ${accessToken()}` },
      });
    } catch (e) {
      if (aborted(e)) {
        throw e;
      }
      throw new Problem(0, "unreachable", t("errors.unreachable"));
    }
  };
  // What one user asked for is not sent on when another has signed in meanwhile.
  const asked = sessionRound();
  const ours = () => {
    if (asked !== sessionRound()) {
      throw new DOMException("the session is another one", "AbortError");
    }
  };
  await keepFresh();
  ours();
  let res = await send();
  ours(); // nor is the answer told to the next, or gone on from
  if (res.status === 401) {
    let again: boolean;
    try {
      again = await refresh();
    } catch {
      throw new Problem(0, "unreachable", t("errors.unreachable"));
    }
    if (again) {
      ours();
      res = await send();
      ours();
    }
  }
  if (res.ok || res.status === 304) {
    return res;
  }
  if (res.status === 403 || res.status === 404) {
    doubtMe();
  }
  throw await problemOf(res);
}

/** The error that an answer stands for. Its body is read. */
async function problemOf(res: Response): Promise<Problem> {
  const text = await res.text().catch(() => "");
  return problemFrom(res.status, text, (name) => res.headers.get(name));
}

/** The same from the parts of an answer, for libraries that send requests of their own. */
export function problemFrom(status: number, text: string, header: (name: string) => string | null): Problem {
  let code = "";
  let message = "";
  const itemsDone = Number(header("Davit-Items-Done") ?? 0) || 0;
  let item = -1;
  let data: unknown;
  try {
    const body = JSON.parse(text) as { type?: string; msg?: string; detail?: string; title?: string; why?: string; errorCode?: string; data?: unknown };
    code = body.errorCode ?? body.type?.split("/").pop() ?? header("Davit-Problem") ?? "";
    // Which item of a bulk it was means nothing to people, who did one thing.
    message = (body.why ?? body.msg ?? body.detail ?? body.title ?? "").replace(/^items\[(\d+)\](?:: |\.)/, (_, n: string) => {
      item = Number(n);
      return "";
    });
    data = body.data;
  } catch {
    // WebDAV's errors are plain text, or XML with the condition, a text for people, and perhaps the numbers of a limit.
    if (text.startsWith("<")) {
      code = /<D:error[^>]*>\s*<D:([\w-]+)/.exec(text)?.[1] ?? "";
      message = unescaped(/<(?:E:text|D:responsedescription)[^>]*>([^<]*)</.exec(text)?.[1] ?? "");
      const limit = /<E:limit ([^>]*)\/>/.exec(text)?.[1];
      if (limit !== undefined) {
        const { kind, ...numbers } = Object.fromEntries([...limit.matchAll(/(\w+)="([^"]*)"/g)].map((m) => [m[1]!, m[2]!]));
        data = { limit: kind, ...Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, Number(value)])) };
      }
    } else {
      message = (text.split("\n")[0] ?? "").trim();
    }
  }
  const retryAfter = Number(header("Retry-After") ?? 0) || 0;
  if (status === 429) {
    message = t("errors.tooMany", { n: retryAfter });
  } else if (message === "") {
    message = status >= 500 ? t("errors.server", { status }) : t("errors.refused", { status });
  }
  return new Problem(status, code, message, retryAfter, data, header("X-Request-Id") ?? "", itemsDone, item);
}

const entities: { [name: string]: string } = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
/** The characters that a text of XML stands for. */
export const unescaped = (xml: string): string =>
  xml.replace(/&(?:#x([\da-f]+)|#(\d+)|(\w+));/gi, (whole, hex?: string, dec?: string, name?: string) => {
    if (name !== undefined) {
      return entities[name] ?? whole;
    }
    const code = hex !== undefined ? parseInt(hex, 16) : Number(dec);
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });

/**
 * The text in a piece of XML, such as the owner of a lock, in one line without its elements. (DOMParser is nothing for single
 * texts: the page's policy counts it among what could make scripts of them.)
 */
export const xmlText = (xml: string): string =>
  xml
    .split(/<!\[CDATA\[([\s\S]*?)\]\]>/)
    .map((part, i) => (i % 2 === 1 ? part : unescaped(part.replace(/<!--[\s\S]*?-->|<[^>]*>/g, " "))))
    .join("")
    .replace(/\s+/g, " ")
    .trim();

/** What it means that an answer ended before its end: the connection did. For catch. */
export function brokenOff(e: unknown): never {
  throw e instanceof TypeError ? new Problem(0, "unreachable", t("errors.unreachable")) : e;
}

/** Sends a request and reads the JSON of its answer; undefined if that has no body. */
export async function call<T>(method: string, path: string, opts: Options = {}): Promise<T> {
  const res = await request(method, path, opts);
  const text = await res.text().catch(brokenOff);
  return (text === "" ? undefined : JSON.parse(text)) as T;
}

export const get = <T>(path: string, query?: Options["query"], signal?: AbortSignal): Promise<T> =>
  call<T>("GET", path, { ...(query && { query }), ...(signal && { signal }) });
export const post = <T>(path: string, body: unknown = {}): Promise<T> => call<T>("POST", path, { body });
export const put = <T>(path: string, body: unknown = {}): Promise<T> => call<T>("PUT", path, { body });
export const patch = <T>(path: string, body: unknown = {}): Promise<T> => call<T>("PATCH", path, { body });
export const del = <T>(path: string, body?: unknown): Promise<T> => call<T>("DELETE", path, body === undefined ? {} : { body });

/**
 * One step of a path, escaped. Browsers take "." and ".." for other places, escaped or not: an address that somebody made
 * up would have the page ask, and even write, where nobody sees that it does. Nothing is named so.
 */
function step(name: string): string {
  if (name === "." || name === "..") {
    throw new Problem(404, "", t("errors.noSuchName", { name }));
  }
  return encodeURIComponent(name);
}

/** The path of a route, with each of the values escaped: at`/api/davit/users/${name}`. */
export function at(texts: TemplateStringsArray, ...values: string[]): string {
  return texts.reduce((whole, text, i) => whole + step(values[i - 1] ?? "") + text);
}

/** The WebDAV path of a file in a folder; path has steps with / between. */
export const davPath = (folder: string, path = ""): string =>
  `/dav/${step(folder)}/` + path.split("/").filter((s) => s !== "").map(step).join("/");

/** A file's ID in the files API. */
export const fileID = (folder: string, path = ""): string => ("/" + folder + "/" + path).replace(/\/+/g, "/").replace(/(.)\/$/, "$1");

/** The path in its folder of a file with this ID; "" is the folder's root. */
export const pathIn = (folder: string, id: string): string => id.slice(folder.length + 2);

/** The body of a bulk call. */
export const items = <T>(...list: T[]): { type: "bulk"; items: T[] } => ({ type: "bulk", items: list });
