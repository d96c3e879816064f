// A WebDAV lock while there are unsaved changes, so that mounted drives and other pages know that somebody is at work here.
// It is short and refreshed: a closed tab, a lost connection or a sleeping computer let go of it within two minutes, and so
// does a text that nobody has touched for ten. It is a courtesy: what keeps versions from being lost is If-Match.
import { Problem, request } from "../api.ts";
import { visible } from "../format.ts";
import { accessToken, me } from "../session.ts";
import { t } from "../text.ts";
import { davOf, type Place } from "./place.ts";

const seconds = 120;
const refreshEvery = 45_000;
const idleAfter = 10 * 60_000;

/** What became of asking for a lock: held, somebody has changed the file, somebody else has one, or there is none to be had. */
export type Taken = { state: "held" | "changed" | "none" } | { state: "locked"; why: string };

export class Lock {
  private token = "";
  private touched = 0;
  private timer: ReturnType<typeof setInterval> | undefined;
  private chain: Promise<unknown> = Promise.resolve(); // one request after the other
  constructor(private readonly place: Place) {}

  /** Notes that there is a change, of the version with this ETag. The answer is undefined if the lock is there already. */
  touch(etag: string): Promise<Taken> | undefined {
    this.touched = Date.now();
    if (this.timer !== undefined) {
      return undefined;
    }
    addEventListener("pagehide", this.closing);
    this.timer = setInterval(() => void this.inTurn(() => this.refresh()), refreshEvery);
    return this.inTurn(() => (this.token === "" ? this.take(etag) : Promise.resolve<Taken>({ state: "held" })));
  }

  /** The header that a PUT needs. */
  async header(): Promise<{ If?: string }> {
    await this.chain;
    return this.token === "" ? {} : { If: `(<${this.token}>)` };
  }

  /** Leaves it to lapse, unless it is used again before: the session has ended. */
  pause(): void {
    this.stop();
  }

  /** Forgets a lock that the server does not know any more. */
  lost(): void {
    this.token = "";
    this.stop();
  }

  private stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    removeEventListener("pagehide", this.closing);
  }

  // Of a page that is closed the browser still sends this, or not: then it lapses.
  private readonly closing = () => {
    if (this.token !== "") {
      void fetch(davOf(this.place), { method: "UNLOCK", keepalive: true, headers: { Authorization: `Bearer ${accessToken()}`, "Lock-Token": `<${this.token}>` } }).catch(() => {});
      this.lost();
    }
  };

  /** Lets go of it. */
  release(): Promise<void> {
    this.stop();
    return this.inTurn(async () => {
      const { token } = this;
      this.token = "";
      if (token !== "") {
        await request("UNLOCK", davOf(this.place), { headers: { "Lock-Token": `<${token}>` } }).catch(() => {}); // it lapses
      }
    });
  }

  private inTurn<T>(f: () => Promise<T>): Promise<T> {
    const done = this.chain.then(f);
    this.chain = done.catch(() => {});
    return done;
  }

  private async take(etag: string): Promise<Taken> {
    const owner = t("preview.editor.lockOwner", { name: visible(me.value?.name ?? "") }).replace(/[&<>]/g, (c) => `&#${c.charCodeAt(0)};`);
    try {
      const res = await request("LOCK", davOf(this.place), {
        headers: { Timeout: `Second-${seconds}`, Depth: "0", "If-Match": etag, "Content-Type": "application/xml" },
        body: `<?xml version="1.0" encoding="utf-8"?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype><D:owner>${owner}</D:owner></D:lockinfo>`,
      });
      this.token = /^<(.*)>$/.exec(res.headers.get("Lock-Token") ?? "")?.[1] ?? "";
      return { state: this.token === "" ? "none" : "held" };
    } catch (e) {
      if (e instanceof Problem && e.status === 423) {
        return { state: "locked", why: e.message };
      }
      return { state: e instanceof Problem && e.status === 412 ? "changed" : "none" };
    }
  }

  private async refresh(): Promise<void> {
    if (this.token === "") {
      return;
    }
    if (Date.now() - this.touched > idleAfter) {
      this.lost(); // it lapses by itself; the next change takes another
      return;
    }
    try {
      await request("LOCK", davOf(this.place), { headers: { Timeout: `Second-${seconds}`, If: `(<${this.token}>)` } });
    } catch (e) {
      if (e instanceof Problem && e.status >= 400 && e.status < 500) {
        this.lost();
      }
    }
  }
}
