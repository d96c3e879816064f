// What needs an administrator, the worst first, from what the server tells about itself.
import { bytes, visible } from "../format.ts";
import { href } from "../route.ts";
import { t } from "../text.ts";
import type { Moment, Point } from "./metrics.mjs";
import type { Status, Volume } from "./types.ts";

export type Matter = {
  id: string;
  grave: "error" | "warning" | "info";
  title: string;
  /** What to do. */
  advice: string;
  link?: { to: string; label: string };
};

/** The name of a volume in words. */
export const volumeName = (v: Volume): string => (v.directory === "" ? t("admin.overview.dataDirectory") : visible(v.directory));

/** Free space below which a volume is nearly full: a part of it, or bytes. */
const low = { part: 0.1, bytes: 2 * 1024 ** 3 };
const veryLow = { part: 0.03, bytes: 512 * 1024 ** 2 };

export function matters(status: Status, points: readonly Point[], slowed: number): Matter[] {
  const all: Matter[] = [];
  const add = (m: Matter) => all.push(m);
  if (!status.ready) {
    const told = status.problems.filter((p) => !p.startsWith("a volume does not answer") && p !== "the last check found differences");
    if (told.length > 0) {
      add({ id: "ready", grave: "error", title: t("admin.matters.notReady", { what: told.map(visible).join("; ") }), advice: t("admin.matters.notReadyAdvice") });
    }
  }
  status.volumes.forEach((v, i) => {
    const name = volumeName(v);
    if (v.freeBytes === null || v.totalBytes === null) {
      add({ id: `volume${i}`, grave: "error", title: t("admin.matters.volumeGone", { name }), advice: t("admin.matters.volumeGoneAdvice") });
      return;
    }
    const free = v.freeBytes - v.promisedBytes;
    const below = (limit: typeof low) => free < v.totalBytes! * limit.part || free < Math.min(limit.bytes, v.totalBytes! * 0.25);
    if (below(low)) {
      add({
        id: `volume${i}`, grave: below(veryLow) ? "error" : "warning", title: free < 1 << 20 ? t("admin.matters.volumeFull", { name, total: bytes(v.totalBytes) }) : t("admin.matters.volumeLow", { name, free: bytes(free), total: bytes(v.totalBytes) }),
        advice: status.folders.deletedBytes > 0 ? t("admin.matters.volumeLowAdviceDeleted", { size: bytes(status.folders.deletedBytes) }) : t("admin.matters.volumeLowAdvice"),
        link: status.folders.deletedBytes > 0 ? { to: href(["admin", "folders"], { show: "deleted", sort: "bytes", down: "1" }), label: t("admin.matters.toDeleted") } : { to: href(["admin", "folders"], { sort: "bytes", down: "1" }), label: t("admin.matters.toLargest") },
      });
    }
  });
  const seen = points.filter((p): p is Moment => !p.gap);
  const failed = seen.reduce((sum, p) => sum + p.failed, 0);
  const asked = seen.reduce((sum, p) => sum + p.requests, 0);
  const full = seen.reduce((sum, p) => sum + p.full, 0);
  if (failed > 0) {
    add({ id: "failed", grave: failed > asked * 0.01 ? "error" : "warning", title: t("admin.matters.failed", { n: failed, asked }), advice: t("admin.matters.failedAdvice") });
  }
  if (status.check.state === "failed") {
    add({ id: "check", grave: "error", title: t("admin.matters.checkFailed"), advice: t("admin.matters.checkFailedAdvice"), link: { to: href(["admin", "check"]), label: t("admin.matters.toCheck") } });
  } else if (status.check.state === "done" && status.check.ok === false) {
    add({ id: "check", grave: "warning", title: t("admin.matters.checkFound", { n: status.check.total }), advice: t("admin.matters.checkFoundAdvice"), link: { to: href(["admin", "check"]), label: t("admin.matters.toCheck") } });
  }
  if (status.folders.full > 0) {
    add({
      id: "full", grave: "warning", title: t("admin.matters.full", { n: status.folders.full }), advice: full > 0 ? t("admin.matters.fullRefused", { n: full }) : t("admin.matters.fullAdvice"),
      link: { to: href(["admin", "folders"], { show: "full" }), label: t("admin.matters.toFull") },
    });
  }
  if (slowed > 0) {
    add({ id: "slowed", grave: "info", title: t("admin.matters.slowed", { n: slowed }), advice: t("admin.matters.slowedAdvice"), link: { to: href(["admin", "audit"], { action: "signin.slowed" }), label: t("admin.matters.toSlowed") } });
  }
  if (status.folders.near > 0) {
    add({ id: "near", grave: "info", title: t("admin.matters.near", { n: status.folders.near }), advice: t("admin.matters.nearAdvice"), link: { to: href(["admin", "folders"], { show: "near" }), label: t("admin.matters.toNear") } });
  }
  if (status.folders.counting > 0) {
    add({ id: "counting", grave: "info", title: t("admin.matters.counting", { n: status.folders.counting }), advice: t("admin.matters.countingAdvice"), link: { to: href(["admin", "folders"], { show: "counting" }), label: t("admin.matters.toCounting") } });
  }
  if (status.counts.administrators === 1) {
    add({ id: "one", grave: "info", title: t("admin.matters.oneAdmin"), advice: t("admin.matters.oneAdminAdvice"), link: { to: href(["admin", "users"]), label: t("admin.matters.toUsers") } });
  }
  const order = { error: 0, warning: 1, info: 2 };
  return all.sort((a, b) => order[a.grave] - order[b.grave]);
}
