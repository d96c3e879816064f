// Sending one file. Small ones go in one request by WebDAV, which measures quicker than any other way; large ones in
// parts by tus, whose parts survive reloads and restarts. In both ways the file appears whole or not at all, and never in
// place of one that nobody has looked at.
import { Upload as Tus, type DetailedError } from "tus-js-client";
import { call, davPath, get, Problem, problemFrom, request } from "../api.ts";
import { readFolder } from "../model.ts";
import { accessToken, refresh } from "../session.ts";
import { t } from "../text.ts";
import { stop, Stopped, unreadable } from "./trouble.ts";

/** Files up to this many bytes go in one request: one that breaks off is sent again as a whole. */
export const small = 4 << 20;

// A part is one request: long enough to be quick, and short enough that its token is never old and that little is
// unsure when a connection breaks.
const part = 32 << 20;

const uploads = "/api/davit/uploads";
const tus = { "Tus-Resumable": "1.0.0" };

/** What is sent, and under which condition: a file that has this ETag is replaced; without one there must be none. */
type Sending = { folder: string; path: string; file: File; match: string | undefined; signal: AbortSignal; progress: (sent: number) => void };

const stopped = () => new DOMException("stopped", "AbortError");
const mtime = (file: File): number | undefined => (file.lastModified >= 1000 ? Math.floor(file.lastModified / 1000) : undefined);
const condition = (match: string | undefined): { [name: string]: string } => (match === undefined ? { "If-None-Match": "*" } : { "If-Match": match });

/** A file in one request. */
export async function sendWhole(s: Sending): Promise<void> {
  for (let again = false; ; again = true) {
    const res = await putOnce(s);
    if (res.status === 401 && !again && (await refreshed())) {
      continue;
    }
    if (res.status >= 200 && res.status < 300) {
      return;
    }
    if (res.status === 0) {
      await mayBeRead(s.file);
    }
    throw res.status === 0 ? new Problem(0, "unreachable", t("errors.unreachable")) : problemFrom(res.status, res.responseText, (name) => res.getResponseHeader(name));
  }
}

async function refreshed(): Promise<boolean> {
  try {
    return await refresh();
  } catch {
    throw new Problem(0, "unreachable", t("errors.unreachable"));
  }
}

// mayBeRead tells a file that went away from a connection that did: to a request both look alike.
async function mayBeRead(file: File): Promise<void> {
  const trouble = await unreadable(file);
  if (trouble) {
    throw new Stopped(trouble);
  }
}

// Not fetch: that does not tell how much it has sent.
function putOnce(s: Sending): Promise<XMLHttpRequest> {
  return new Promise((done, failed) => {
    const xhr = new XMLHttpRequest();
    xhr.open("PUT", davPath(s.folder, s.path));
    xhr.setRequestHeader("Authorization", `Bearer ${accessToken()}`);
    for (const [name, value] of Object.entries(condition(s.match))) {
      xhr.setRequestHeader(name, value);
    }
    const changed = mtime(s.file);
    if (changed !== undefined) {
      xhr.setRequestHeader("X-OC-Mtime", String(changed));
    }
    xhr.upload.onprogress = (e) => s.progress(e.loaded);
    xhr.onloadend = () => {
      s.signal.removeEventListener("abort", abort);
      if (s.signal.aborted) {
        failed(stopped());
      } else {
        done(xhr);
      }
    };
    const abort = () => xhr.abort();
    s.signal.addEventListener("abort", abort);
    if (s.signal.aborted) {
      failed(stopped());
      return;
    }
    xhr.send(s.file);
  });
}

/** An upload that the server keeps, as its list tells. */
export type OnServer = { id: string; url: string; folder: string; path: string; length: number | null; offset: number; created: string; expires: string };

export const listOnServer = async (): Promise<OnServer[]> => (await get<{ uploads: OnServer[] }>(uploads)).uploads;

const base64 = (text: string): string => {
  let raw = "";
  for (const b of new TextEncoder().encode(text)) {
    raw += String.fromCharCode(b);
  }
  return btoa(raw);
};

/** Begins an upload in parts. Its whole room is reserved from here on. */
export async function begin(s: Sending): Promise<string> {
  const changed = mtime(s.file);
  const meta = [`folder ${base64(s.folder)}`, `path ${base64(s.path)}`, ...(changed === undefined ? [] : [`mtime ${base64(String(changed))}`])];
  const res = await request("POST", uploads, {
    headers: { ...tus, ...condition(s.match), "Upload-Length": String(s.file.size), "Upload-Metadata": meta.join(",") }, signal: s.signal,
  });
  return res.headers.get("Location")!;
}

/** Where an upload stands; undefined if the server has it no more. seconds is when the file was changed, if that is known. */
export async function standing(url: string, signal?: AbortSignal): Promise<{ offset: number; length: number | undefined; seconds: number | undefined } | undefined> {
  try {
    const res = await request("HEAD", url, { headers: tus, ...(signal && { signal }) });
    const length = res.headers.get("Upload-Length");
    const changed = /(?:^|,) *mtime ([\w+/=]+)/.exec(res.headers.get("Upload-Metadata") ?? "")?.[1];
    return { offset: Number(res.headers.get("Upload-Offset")), length: length === null ? undefined : Number(length), seconds: changed === undefined ? undefined : Number(atob(changed)) };
  } catch (e) {
    if (e instanceof Problem && (e.status === 404 || e.status === 410)) {
      return undefined;
    }
    throw e;
  }
}

/** Sends what the server does not have yet; false if it does not know the upload any more. */
export async function sendParts(s: Sending, url: string): Promise<boolean> {
  for (let again = false; ; again = true) {
    const at = await standing(url, s.signal);
    if (!at) {
      return false;
    }
    if (at.length !== s.file.size) {
      throw stop("another", t("uploads.trouble.ended"), true);
    }
    s.progress(at.offset);
    if (at.offset === at.length) {
      // All has arrived, but perhaps it was refused at its end, as of a locked file: nothing more asks again.
      await request("PATCH", url, { headers: { ...tus, "Content-Type": "application/offset+octet-stream", "Upload-Offset": String(at.offset) }, signal: s.signal });
      return true;
    }
    const failure = await patches(s, url);
    if (failure === undefined) {
      return true;
    }
    const res = failure.originalResponse;
    if (!res || res.getStatus() === 0) {
      await mayBeRead(s.file);
      throw new Problem(0, "unreachable", t("errors.unreachable"));
    }
    if (res.getStatus() === 401 && !again && (await refreshed())) {
      continue;
    }
    throw problemFrom(res.getStatus(), res.getBody(), (name) => res.getHeader(name) ?? null);
  }
}

// patches sends part after part. It gives the error that ended it.
function patches(s: Sending, url: string): Promise<DetailedError | undefined> {
  return new Promise((done, failed) => {
    const up = new Tus(s.file, {
      uploadUrl: url,
      // Without an endpoint it never begins anew by itself, whatever it is answered.
      chunkSize: part,
      retryDelays: null,
      storeFingerprintForResuming: false,
      onBeforeRequest: (req) => req.setHeader("Authorization", `Bearer ${accessToken()}`),
      onProgress: (sent) => s.progress(sent),
      onSuccess: () => done(undefined),
      onError: (e) => done(e as DetailedError),
    });
    s.signal.addEventListener("abort", () => {
      void up.abort();
      failed(stopped());
    }, { once: true });
    if (!s.signal.aborted) {
      up.start();
    }
  });
}

/** Gives an upload in parts up; what has arrived of it is removed, and its room is free. */
export async function drop(url: string): Promise<void> {
  try {
    await request("DELETE", url, { headers: tus });
  } catch (e) {
    if (!(e instanceof Problem && (e.status === 404 || e.status === 410))) {
      throw e;
    }
  }
}

/** What is at a name that is taken. */
export type There = { etag: string; size: number; changed: number; directory: boolean };

/** Looks at a name; undefined if nothing is there. */
export async function look(folder: string, path: string): Promise<There | undefined> {
  try {
    const res = await request("HEAD", davPath(folder, path), { headers: { Accept: "*/*" } });
    return {
      etag: res.headers.get("ETag") ?? "", size: Number(res.headers.get("Content-Length") ?? 0), changed: Date.parse(res.headers.get("Last-Modified") ?? ""),
      directory: res.headers.get("Accept-Ranges") !== "bytes", // parts of a listing are not to be had
    };
  } catch (e) {
    if (e instanceof Problem && e.status === 404) {
      return undefined;
    }
    throw e;
  }
}

/** Whether the person may still write into a folder. */
export const mayWrite = async (folder: string): Promise<boolean> => (await readFolder(folder)).rights.includes("write");

/** Whether a file that is there is the one that was sent: the answer may have been lost. */
export async function same(folder: string, path: string, there: There, file: File): Promise<boolean> {
  if (there.directory || there.size !== file.size || Math.floor(there.changed / 1000) !== mtime(file)) {
    return false;
  }
  if (file.size > small) {
    return true; // it is only asked when all of it was sent
  }
  const res = await request("GET", davPath(folder, path), { headers: { Accept: "*/*" } });
  const [a, b] = [new Uint8Array(await res.arrayBuffer()), new Uint8Array(await file.arrayBuffer())];
  return a.length === b.length && a.every((v, i) => v === b[i]);
}

/** Makes directories, parents first; those that are there will do. */
export async function makeDirectories(folder: string, paths: readonly string[]): Promise<void> {
  for (let i = 0; i < paths.length; i += 1000) {
    await call("POST", "/api/files/folder", {
      body: { type: "bulk", items: paths.slice(i, i + 1000).map((path) => ({ id: `/${folder}/${path}`, conflictPolicy: "REPLACE" })) },
    });
  }
}

/** Makes one directory, to learn what is against it. */
export async function makeDirectory(folder: string, path: string): Promise<void> {
  try {
    await request("MKCOL", davPath(folder, path));
  } catch (e) {
    if (!(e instanceof Problem && e.status === 405)) {
      throw e;
    }
    const there = await look(folder, path);
    if (there && !there.directory) {
      throw stop(`file ${path}`, t("uploads.trouble.fileThere"), true);
    }
  }
}
