// How the server is: what needs somebody, health, what it does now, and the largest folders.
import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { get, messageOf, request } from "../api.ts";
import type { ViewProps } from "../app.tsx";
import { bytes, count, percent, rough } from "../format.ts";
import { useEvery, useLoad } from "../load.ts";
import type { Entry, Folder, PageOf } from "../model.ts";
import { href } from "../route.ts";
import { onEnd } from "../session.ts";
import { t, type TextKey } from "../text.ts";
import { Button } from "../ui/button.tsx";
import { Fact, Facts } from "../ui/facts.tsx";
import { Alert, Loaded, Spinner, Usage } from "../ui/feedback.tsx";
import { Icon } from "../ui/icon.tsx";
import { Name } from "../ui/name.tsx";
import { Page, Time } from "../ui/page.tsx";
import { matters, volumeName, type Matter } from "./attention.ts";
import { Chart, type Series } from "./chart.tsx";
import { FolderLink, OwnerLink } from "./links.tsx";
import { extend, keep, snapshot, type History, type Moment } from "./metrics.mjs";
import type { Status, Volume } from "./types.ts";

// Kept while the page is open, so that the charts are there again when one comes back.
const history = signal<History>({ last: undefined, points: [] });
onEnd(() => {
  history.value = { last: undefined, points: [] };
});

/** How often is asked for numbers, and for the rest. */
const often = 3000;
const seldom = 15000;

let measuring = false;

async function measure(): Promise<void> {
  if (measuring) {
    return; // the server is slow
  }
  measuring = true;
  try {
    await measureNow();
  } finally {
    measuring = false;
  }
}

async function measureNow(): Promise<void> {
  const res = await request("GET", "/metrics", { headers: { Accept: "text/plain" } });
  history.value = extend(history.value, snapshot(await res.text(), Date.now() / 1000));
}

/** What /readyz says to load balancers. */
async function readiness(): Promise<string> {
  const res = await fetch("/readyz", { cache: "no-store" });
  return res.ok ? "" : (await res.text()).trim() || String(res.status);
}

export default function Overview(_: ViewProps) {
  const status = useLoad((signal) => get<Status>("/api/davit/status", {}, signal), []);
  const ready = useLoad(readiness, []);
  const largest = useLoad((signal) => get<PageOf<Folder>>("/api/davit/folders", { sortBy: "bytes", sortDirection: "descending", deleted: false, itemsPerPage: 10 }, signal), []);
  const nearest = useLoad((signal) => get<PageOf<Folder>>("/api/davit/folders", { sortBy: "share", sortDirection: "descending", deleted: false, itemsPerPage: 10 }, signal), []);
  const slowed = useLoad(
    (signal) => get<PageOf<Entry>>("/api/davit/audit", { action: "signin.slowed", since: new Date(Date.now() - 24 * 3600e3).toISOString(), itemsPerPage: 100 }, signal),
    [],
  );
  const [failed, setFailed] = useState<unknown>();
  const look = () => measure().then(() => setFailed(undefined), setFailed);
  const all = () => [status, ready, largest, nearest, slowed].forEach((l) => { if (!l.busy) l.reload(); });
  useEffect(() => void look(), []);
  useEvery(often, () => void look());
  useEvery(seldom, all);
  return (
    <Page title={t("people.sections.overview")} actions={<Button icon="refresh" onClick={() => { all(); void look(); }}>{t("admin.refresh")}</Button>}>
      <Loaded of={status}>
        {(s) => (
          <>
            <Attention found={matters(s, history.value.points, slowed.value?.items.length ?? 0)} />
            <Health status={s} ready={ready.value} />
          </>
        )}
      </Loaded>
      <section class="section" aria-labelledby="charts">
        <h2 id="charts">{t("admin.overview.now")}</h2>
        {failed !== undefined && <Alert kind="error">{t("admin.overview.noNumbers", { why: messageOf(failed) })}</Alert>}
        <Charts history={history.value} />
      </section>
      <div class="watch-columns">
        <Top id="largest" title={t("admin.overview.largest")} of={largest} all={href(["admin", "folders"], { sort: "bytes", down: "1" })} />
        <Top id="nearest" title={t("admin.overview.nearest")} of={nearest} all={href(["admin", "folders"], { sort: "share", down: "1" })} />
      </div>
    </Page>
  );
}

function Attention({ found }: { found: readonly Matter[] }) {
  return (
    <section class="section" aria-labelledby="attention">
      <h2 id="attention">{t("admin.overview.attention")}</h2>
      <p class="unseen" role="status">{found.length > 0 && t("admin.overview.things", { n: found.length })}</p>
      {found.length === 0 ? (
        <Alert kind="success">{t("admin.overview.allWell")}</Alert>
      ) : (
        <ul class="watch-matters">
          {found.map((m) => (
            <li key={m.id} class={`alert ${m.grave}`}>
              <Icon name={m.grave} />
              <div>
                <h3><span class="unseen">{t(`admin.grave.${m.grave}`)} </span>{m.title}</h3>
                <p>{m.advice}</p>
                {m.link && <a href={m.link.to}>{m.link.label}</a>}
              </div>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Health({ status, ready }: { status: Status; ready: string | undefined }) {
  const s = status;
  return (
    <section class="section" aria-labelledby="health">
      <h2 id="health">{t("admin.overview.health")}</h2>
      <div class="watch-cards">
        <Card title={t("admin.overview.server")}>
          <Fact label={t("admin.overview.ready")}>{ready === undefined ? t("common.loading") : ready === "" && s.ready ? t("admin.overview.yes") : t("admin.overview.no", { why: ready || s.problems.join("; ") })}</Fact>
          <Fact label={t("admin.overview.version")}><Name text={s.version} /> ({s.go})</Fact>
          <Fact label={t("admin.overview.started")}><Time at={s.started} /></Fact>
          <Fact label={t("admin.overview.memory")}>{bytes(s.memoryBytes)}</Fact>
          <Fact label={t("admin.overview.check")}>
            <a href={href(["admin", "check"])}>{t(s.check.state === "done" ? (s.check.ok ? "admin.overview.checkWell" : "admin.overview.checkFound") : `admin.check.states.${s.check.state}`)}</a>
          </Fact>
        </Card>
        <Card title={t("admin.overview.storage")}>
          <Fact label={t("admin.overview.inFolders")}>{t("admin.overview.bytesInFiles", { size: bytes(s.folders.bytes), n: s.folders.files })}</Fact>
          <Fact label={t("admin.overview.inDeleted")}>{bytes(s.folders.deletedBytes)}</Fact>
          <Fact label={t("admin.overview.database")}>{bytes(s.database.bytes)}</Fact>
          {s.volumes.map((v) => <VolumeFact key={v.directory} volume={v} />)}
        </Card>
        <Card title={t("admin.overview.counts")}>
          <Fact label={t("admin.overview.users")}><a href={href(["admin", "users"])}>{t("admin.overview.usersOf", { n: s.counts.users, admins: s.counts.administrators })}</a></Fact>
          <Fact label={t("admin.overview.folders")}><a href={href(["admin", "folders"])}>{count(s.counts.folders)}</a></Fact>
          <Fact label={t("admin.overview.deleted")}><a href={href(["admin", "folders"], { show: "deleted" })}>{count(s.counts.deletedFolders)}</a></Fact>
          <Fact label={t("admin.overview.projects")}><a href={href(["admin", "projects"])}>{count(s.counts.projects)}</a></Fact>
          <Fact label={t("admin.overview.tokens")}>{t("admin.overview.tokensAndKeys", { tokens: s.counts.tokens, keys: s.counts.keys })}</Fact>
          <Fact label={t("admin.overview.locks")}><a href={href(["admin", "locks"])}>{count(s.locks)}</a></Fact>
          <Fact label={t("admin.overview.uploads")}>{t("admin.overview.uploadsOf", { running: s.uploads.running, unfinished: s.uploads.unfinished })}</Fact>
        </Card>
      </div>
    </section>
  );
}

function Card({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <div class="card">
      <h3>{title}</h3>
      <Facts lines>{children}</Facts>
    </div>
  );
}

function VolumeFact({ volume: v }: { volume: Volume }) {
  return (
    <Fact label={v.directory === "" ? t("admin.overview.dataDirectory") : <Name text={v.directory} />}>
      {v.freeBytes === null || v.totalBytes === null ? (
        t("admin.overview.noAnswer")
      ) : (
        <>
          <Usage used={v.totalBytes - v.freeBytes} max={v.totalBytes} unit="bytes" label={volumeName(v)} />
          <span class="quiet">{t("admin.overview.free", { free: bytes(v.freeBytes), part: percent(v.freeBytes / Math.max(1, v.totalBytes)) })}</span>
        </>
      )}
    </Fact>
  );
}

function Top({ id, title, of, all }: { id: string; title: string; of: Parameters<typeof Loaded<PageOf<Folder>>>[0]["of"]; all: string }) {
  return (
    <section class="section card" aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      <Loaded of={of}>
        {(page) =>
          page.items.length === 0 ? (
            <p class="quiet">{t("admin.overview.noFolders")}</p>
          ) : (
            <>
              <ol class="watch-top-folders">
                {page.items.slice(0, 6).map((f) => (
                  <li key={f.id}>
                    <div>
                      <FolderLink id={f.id} title={f.title} />
                      <span class="quiet"><OwnerLink folder={f} /></span>
                    </div>
                    <Usage used={f.usage.bytes} max={f.usage.maxBytes} unit="bytes" label={f.title} />
                  </li>
                ))}
              </ol>
              <a href={all}>{t("admin.overview.allFolders")}</a>
            </>
          )
        }
      </Loaded>
    </section>
  );
}

const rate = (n: number) => t("admin.chart.perSecond", { n: rough(n) });
const byteRate = (n: number) => t("admin.chart.perSecond", { n: bytes(Math.round(n)) });
const took = (s: number) => (s < 1 ? t("admin.chart.ms", { n: rough(s * 1000) }) : t("admin.chart.s", { n: rough(s) }));

function Charts({ history: { points } }: { history: History }) {
  const times = points.map((p) => p.at);
  const seen = points.filter((p): p is Moment => !p.gap);
  if (seen.length === 0) {
    return <Spinner label={t("admin.overview.firstNumbers")} />;
  }
  const to = times.at(-1)!;
  const line = (label: string, of: (m: Moment) => number | null): Series => ({ label, values: points.map((p) => (p.gap ? null : of(p))) });
  const names = (of: (m: Moment) => { [key: string]: number }, order: readonly string[]) => {
    const all = new Set(seen.flatMap((m) => Object.entries(of(m)).filter(([, n]) => n > 0).map(([key]) => key)));
    return [...order.filter((k) => all.has(k)), ...[...all].filter((k) => !order.includes(k)).sort()];
  };
  const words = (lines: readonly Series[], write: (n: number) => string) => {
    if (lines.length === 0) {
      return t("admin.chart.none");
    }
    return lines
      .map((s) => {
        const all = s.values.filter((v): v is number => v !== null);
        return all.length === 0 ? t("admin.chart.noneOf", { what: s.label }) : t("admin.chart.words", { what: s.label, now: write(all.at(-1)!), most: write(Math.max(...all)) });
      })
      .join(" ");
  };
  const doors = names((m) => m.doors, Object.keys(doorNames));
  const classes = names((m) => m.classes, Object.keys(classNames));
  const spec: { id: string; title: TextKey; lines: Series[]; write: (n: number) => string; binary?: boolean }[] = [
    { id: "doors", title: "admin.chart.doors", lines: doors.map((d) => line(doorNames[d] ? t(doorNames[d]) : d, (m) => m.doors[d] ?? 0)), write: rate },
    { id: "classes", title: "admin.chart.classes", lines: classes.map((c) => line(classNames[c] ? t(classNames[c]) : c, (m) => m.classes[c] ?? 0)), write: rate },
    { id: "bytes", title: "admin.chart.bytes", lines: [line(t("admin.chart.received"), (m) => m.received), line(t("admin.chart.sent"), (m) => m.sent)], write: byteRate, binary: true },
    {
      id: "errors", title: "admin.chart.errors", write: rate,
      lines: [
        line(t("admin.chart.failed"), (m) => m.failed / m.seconds), line(t("admin.chart.full"), (m) => m.full / m.seconds), line(t("admin.chart.refused"), (m) => m.refused / m.seconds),
      ],
    },
    { id: "durations", title: "admin.chart.durations", lines: [line(t("admin.chart.p50"), (m) => m.p50), line(t("admin.chart.p95"), (m) => m.p95)], write: took },
    { id: "stored", title: "admin.chart.stored", lines: [line(t("admin.chart.storedBytes"), (m) => m.stored)], write: bytes, binary: true },
    { id: "uploads", title: "admin.chart.uploads", lines: [line(t("admin.chart.running"), (m) => m.running), line(t("admin.chart.unfinished"), (m) => m.unfinished)], write: (n) => count(Math.round(n * 10) / 10) },
  ];
  return (
    <>
      <p class="quiet">{t("admin.overview.window")}</p>
      <div class="watch-charts">
        {spec.map((c) => (
          <Chart key={c.id} title={t(c.title)} words={words(c.lines, c.write)} times={times} series={c.lines} write={c.write} binary={c.binary ?? false} from={Math.max(to - keep, Math.min(times[0]!, to - 60))} to={to} />
        ))}
      </div>
    </>
  );
}

const doorNames: { [door: string]: TextKey } = {
  webdav: "admin.doors.webdav", collections: "admin.doors.collections", files: "admin.doors.files", vfolders: "admin.doors.vfolders", davit: "admin.doors.davit",
  auth: "admin.doors.auth", page: "admin.doors.page", server: "admin.doors.health",
};
const classNames: { [status: string]: TextKey } = {
  "1xx": "admin.statusClass.c1", "2xx": "admin.statusClass.c2", "3xx": "admin.statusClass.c3", "4xx": "admin.statusClass.c4", "5xx": "admin.statusClass.c5",
};
