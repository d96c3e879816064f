// The comparison of database and disk.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { get, post } from "../api.ts";
import type { ViewProps } from "../app.tsx";
import { bytes, count, duration } from "../format.ts";
import { useLoad } from "../load.ts";
import type { Entry, PageOf } from "../model.ts";
import { rich, t } from "../text.ts";
import { Button } from "../ui/button.tsx";
import { Alert, Empty, Loaded, Progress, toast, toastError } from "../ui/feedback.tsx";
import { Name } from "../ui/name.tsx";
import { Page, Time } from "../ui/page.tsx";
import { Table, type Column } from "../ui/table.tsx";
import { FolderLink } from "./links.tsx";
import { recount } from "./recount.ts";
import type { Check, Finding } from "./types.ts";

type Ended = { failed: boolean; repair: boolean; folders: number; files: number; bytes: number; differences: number; repaired: number; inUse: number; seconds: number };

export default function CheckView(_: ViewProps) {
  const check = useLoad((signal) => get<Check>("/api/davit/check", {}, signal), []);
  const before = useLoad((signal) => get<PageOf<Entry>>("/api/davit/audit", { action: "check.end", itemsPerPage: 25 }, signal), []);
  const [told, setTold] = useState("");
  const running = check.value?.state === "running";
  const was = useRef(false);
  useEffect(() => {
    if (was.current && !running) {
      before.reload();
      setTold(t(check.value?.state === "failed" ? "admin.check.endedFailed" : check.value?.ok && check.value.total === 0 ? "admin.check.endedWell" : "admin.check.endedFound", { n: check.value?.total ?? 0 }));
    }
    was.current = running;
    if (!running) {
      return;
    }
    const timer = setInterval(check.reload, 1000);
    return () => clearInterval(timer);
  }, [running]);
  const begin = async (repair: boolean) => {
    try {
      setTold("");
      check.set(await post<Check>("/api/davit/check", { repair }));
    } catch (e) {
      toastError(e);
    }
  };
  return (
    <Page
      title={t("people.sections.check")}
      actions={<Button kind="primary" icon="play" busy={running} onClick={() => void begin(false)}>{t(running ? "admin.check.running" : "admin.check.begin")}</Button>}
    >
      <p class="quiet">{t("admin.check.what")}</p>
      <p role="status" class="unseen">{told}</p>
      <Loaded of={check}>{(c) => (c.state === "running" ? <Running check={c} /> : <Result check={c} last={before.value?.items[0]} repair={() => void begin(true)} again={check.reload} />)}</Loaded>
      <section class="section" aria-labelledby="before">
        <h2 id="before">{t("admin.check.history")}</h2>
        <Loaded of={before}>{(page) => <History entries={page.items} />}</Loaded>
      </section>
    </Page>
  );
}

function Running({ check: c }: { check: Check }) {
  const { folders, of, files, bytes: size } = c.looked;
  return (
    <div class="card section">
      <h2>{t(c.round > 1 ? "admin.check.again" : "admin.check.looking", { n: c.round })}</h2>
      <Progress label={t("admin.check.progress")} {...(of > 0 && { value: folders / of })} />
      <p>{t("admin.check.looked", { folders, of, n: files, size: bytes(size) })}</p>
      {c.round > 1 && <p class="quiet">{t("admin.check.againWhy")}</p>}
      <p class="quiet">{t("admin.check.leave")}</p>
    </div>
  );
}

/** What to do about each kind of finding. */
const kinds: { [kind: string]: { title: "admin.findings.usage" | "admin.findings.missing" | "admin.findings.unknown" | "admin.findings.unfinished"; advice: "admin.findings.usageAdvice" | "admin.findings.missingAdvice" | "admin.findings.unknownAdvice" | "admin.findings.unfinishedAdvice" } } = {
  usage: { title: "admin.findings.usage", advice: "admin.findings.usageAdvice" },
  "directory missing": { title: "admin.findings.missing", advice: "admin.findings.missingAdvice" },
  "directory unknown": { title: "admin.findings.unknown", advice: "admin.findings.unknownAdvice" },
  unfinished: { title: "admin.findings.unfinished", advice: "admin.findings.unfinishedAdvice" },
};

function Result({ check: c, last, repair, again }: { check: Check; last: Entry | undefined; repair: () => void; again: () => void }) {
  if (c.state === "never") {
    return (
      <Empty icon="check" title={t("admin.check.never")}>
        <p>{last ? rich("admin.check.neverLast", { when: <Time at={last.at} /> }) : t("admin.check.neverWhy")}</p>
      </Empty>
    );
  }
  if (c.state === "failed") {
    return <Alert kind="error"><p>{rich("admin.check.failed", { when: <Time at={c.finished} /> })}</p><p>{t("admin.check.failedAdvice")}</p></Alert>;
  }
  const open = c.findings.filter((f) => !f.repaired);
  const summary = rich("admin.check.done", { when: <Time at={c.finished} />, folders: c.looked.folders, files: c.looked.files, size: bytes(c.looked.bytes) });
  return (
    <div class="section">
      {c.total === 0 ? (
        <Alert kind="success"><p>{t("admin.check.well")}</p><p>{summary}</p></Alert>
      ) : open.length === 0 ? (
        <Alert kind="success"><p>{t("admin.check.repaired", { n: c.total })}</p><p>{summary}</p></Alert>
      ) : (
        <Alert kind="warning">
          <p>{t("admin.check.found", { n: c.total })}</p>
          <p>{summary}</p>
          {open.some((f) => f.kind === "usage") && <Button icon="refresh" onClick={repair}>{t("admin.check.repair")}</Button>}
        </Alert>
      )}
      {c.inUse.length > 0 && (
        <Alert>
          <p>{t("admin.check.inUse", { n: c.inUse.length })}</p>
          <ul class="watch-bare">{c.inUse.slice(0, 20).map((id) => <li key={id}><FolderLink id={id} title={id} /></li>)}</ul>
        </Alert>
      )}
      {c.findings.length > 0 && <Findings findings={c.findings} total={c.total} again={again} />}
    </div>
  );
}

function Findings({ findings, total, again }: { findings: readonly Finding[]; total: number; again: () => void }) {
  const [busy, setBusy] = useState("");
  const [counted, setCounted] = useState<ReadonlySet<string>>(new Set());
  const here = useRef(true);
  useEffect(() => () => { here.current = false; }, []);
  const scan = async (id: string) => {
    setBusy(id);
    try {
      const result = await recount(id, () => here.current);
      if (!result) {
        return;
      }
      const { now } = result;
      toast(rich("admin.folders.countedSame", { title: <Name text={now.title} />, size: bytes(now.usage.bytes), files: count(now.usage.files) }));
      setCounted((was) => new Set([...was, id]));
      again();
    } catch (e) {
      toastError(e);
    } finally {
      setBusy("");
    }
  };
  const columns: Column<Finding>[] = [
    { id: "folder", head: t("admin.findings.folder"), cell: (f) => (f.title ? <FolderLink id={f.folderId ?? ""} title={f.title} /> : <span class="watch-id">{f.folderId}</span>) },
    {
      id: "what", head: t("admin.findings.what"),
      cell: (f) => (
        <div class="watch-stack">
          <strong>{kinds[f.kind] ? t(kinds[f.kind]!.title) : f.kind}</strong>
          <Name text={details(f.detail)} />
        </div>
      ),
    },
    {
      id: "do", head: t("admin.findings.do"),
      cell: (f): ComponentChildren =>
        f.repaired || (f.folderId && counted.has(f.folderId) && f.kind === "usage") ? (
          <span class="badge good">{t("admin.findings.repaired")}</span>
        ) : (
          <div class="watch-stack">
            {kinds[f.kind] && <span>{t(kinds[f.kind]!.advice)}</span>}
            {f.kind === "usage" && f.folderId && <div><Button icon="refresh" busy={busy === f.folderId} onClick={() => void scan(f.folderId!)}>{t("admin.folders.scan")}</Button></div>}
          </div>
        ),
    },
  ];
  return (
    <>
      <Table caption={t("admin.check.findings")} columns={columns} rows={findings} rowKey={(f) => `${f.folderId} ${f.kind} ${f.detail}`} />
      {total > findings.length && <p class="quiet">{t("admin.check.more", { n: total - findings.length })}</p>}
    </>
  );
}

// details of a wrong count with sizes as people read them; what is put otherwise stays as it is.
function details(text: string): string {
  const found = /^on disk (\d+) bytes in (\d+) files, in the database (\d+) bytes in (\d+) files(; .*)?$/.exec(text);
  if (!found) {
    return text;
  }
  const [size = 0, files = 0, counted = 0, filesCounted = 0] = found.slice(1, 5).map(Number);
  return t(found[5] ? "admin.findings.usageDetailBusy" : "admin.findings.usageDetail", { size: bytes(size), files, counted: bytes(counted), filesCounted });
}

function History({ entries }: { entries: readonly Entry[] }) {
  if (entries.length === 0) {
    return <p class="quiet">{t("admin.check.noHistory")}</p>;
  }
  const d = (e: Entry) => e.detail as unknown as Ended;
  const columns: Column<Entry>[] = [
    { id: "at", head: t("admin.check.ended"), cell: (e) => <Time at={e.at} /> },
    { id: "user", head: t("admin.check.by"), cell: (e) => <Name text={e.user} /> },
    { id: "looked", head: t("admin.check.lookedAt"), cell: (e) => t("admin.check.lookedAtWords", { folders: d(e).folders, n: d(e).files, size: bytes(d(e).bytes) }) },
    { id: "took", head: t("admin.check.took"), end: true, cell: (e) => (d(e).seconds < 60 ? t("admin.chart.s", { n: String(Math.round(d(e).seconds * 10) / 10) }) : duration(d(e).seconds)) },
    {
      id: "result", head: t("admin.check.result"),
      cell: (e) => {
        const { failed, differences, repaired } = d(e);
        return failed ? t("admin.check.states.failed") : differences === 0 ? t("admin.check.resultWell") : repaired > 0 ? t("admin.check.resultRepaired", { n: differences, repaired }) : t("admin.check.resultFound", { n: differences });
      },
    },
  ];
  return <Table caption={t("admin.check.history")} columns={columns} rows={entries} rowKey={(e) => e.id} />;
}
