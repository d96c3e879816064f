// What is being uploaded, in the corner of the page: what needs the person first, then what runs, then how many wait.
import { useSignalEffect } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { ComponentChildren } from "preact";
import { bytes } from "../format.ts";
import { href, route } from "../route.ts";
import { rich, t } from "../text.ts";
import { Button, IconButton } from "../ui/button.tsx";
import { confirm } from "../ui/dialog.tsx";
import { Alert, Progress } from "../ui/feedback.tsx";
import { Icon } from "../ui/icon.tsx";
import { Name } from "../ui/name.tsx";
import { ask, label } from "./conflict.tsx";
import { earlier, type Earlier, readEarlier, remarks } from "./earlier.ts";
import { EarlierUploads } from "./goon.tsx";
import {
  bytesOf, cancel, clear, held, inState, nameOf, notes, offline, open, pause, pauseAll, reading, resume, resumeAll, retry, speed, type State, type Upload, uploads,
} from "./queue.ts";
import { placeOf } from "./place.ts";
import { elsewhere } from "./tabs.ts";
import { limitWords, type Trouble } from "./trouble.ts";

export default function Panel() {
  const [collapsed, setCollapsed] = useState(false);
  const [hidden, setHidden] = useState<readonly Earlier[]>([]);
  const panel = useRef<HTMLElement>(null);
  const going = open();
  const all = uploads();
  const before = earlier.value.filter((e) => !hidden.includes(e));
  useEffect(() => {
    if (going === 0) {
      readEarlier().catch(() => undefined); // it is read again when something changes
    }
  }, [going === 0]);
  useSignalEffect(() => {
    void elsewhere.value; // another tab has ended, or begun
    readEarlier().catch(() => undefined);
  });
  useFocusKept(panel);
  // What has gone well has been seen; it stays in nobody's way where they go next.
  const place = route.value.path.join("/");
  const was = useRef(place);
  useEffect(() => {
    if (was.current !== place && open() === 0 && inState("failed") === 0 && notes.value.length === 0) {
      clear();
    }
    was.current = place;
  }, [place]);
  const shown = all.length > 0 || before.length > 0 || reading.value !== null || notes.value.length > 0;
  return (
    <>
      <Announcements />
      {shown && (
        <section class={collapsed ? "uploads collapsed" : "uploads"} aria-label={t("uploads.label")} ref={panel}>
          <header class="uploads-head">
            <h2>{title(before.length)}</h2>
            {going > 0 && <Controls />}
            <IconButton
              icon="down" class="uploads-toggle" aria-expanded={!collapsed} label={t(collapsed ? "uploads.expand" : "uploads.collapse")}
              onClick={() => setCollapsed(!collapsed)}
            />
            {going === 0 && reading.value === null && (
              <IconButton
                icon="close" label={t("uploads.close")}
                onClick={() => {
                  clear();
                  setHidden(earlier.value);
                  remarks.value = {};
                }}
              />
            )}
          </header>
          {(going > 0 || reading.value !== null) && <Overall />}
          {!collapsed && (
            <div class="uploads-body" tabIndex={-1}>
              {notes.value.map((n) => <Alert key={n} kind="warning">{n}</Alert>)}
              {offline.value && going > 0 && <p class="uploads-note"><Icon name="warning" />{t("uploads.offline")}</p>}
              <Failures all={all} />
              <Asking n={inState("asking")} />
              <Rows all={all} state="running" />
              <Rows all={all} state="paused" head={t("uploads.groups.paused", { n: inState("paused") })} />
              <Rows all={all} state="waiting" head={t("uploads.groups.waiting", { n: inState("waiting") })} few />
              <Counts />
              {before.length > 0 && <EarlierUploads list={before} />}
            </div>
          )}
        </section>
      )}
    </>
  );
}

function title(before: number): string {
  if (reading.value !== null) {
    return t("uploads.reading", { n: reading.value });
  }
  const going = open();
  if (going > 0) {
    if (offline.value) {
      return t("uploads.title.offline");
    }
    if (held.value || inState("paused") === going) {
      return t("uploads.title.paused", { n: going });
    }
    return inState("asking") === going ? t("uploads.title.asking") : t("uploads.title.running", { n: going });
  }
  if (inState("failed") > 0) {
    return t("uploads.title.failed", { n: inState("failed") });
  }
  if (inState("done") > 0) {
    return t("uploads.title.done", { n: inState("done") });
  }
  return before > 0 ? t("uploads.title.earlier", { n: before }) : t("uploads.title.nothing");
}

function Controls() {
  const pausable = inState("running") + inState("waiting") > 0 && !held.value;
  return (
    <>
      {pausable
        ? <IconButton icon="pause" label={t("uploads.pauseAll")} onClick={pauseAll} />
        : <IconButton icon="play" label={t("uploads.resumeAll")} onClick={resumeAll} />}
      <IconButton
        icon="close" label={t("uploads.cancelAll")}
        onClick={() => {
          const some = uploads().filter((u) => u.state !== "failed");
          void confirm({
            title: t("uploads.cancelTitle", { n: open() }), body: t("uploads.cancelBody"), action: t("uploads.cancelAction"), danger: true,
            run: async () => cancel(some),
          });
        }}
      />
    </>
  );
}

function Overall() {
  const { sent, total, left } = bytesOf();
  const whole = inState("done") + open();
  const words = [
    t("uploads.files", { part: inState("done"), n: whole }),
    t("uploads.of", { part: bytes(sent), whole: bytes(total) }),
    ...(speed.value > 0 && !offline.value && !held.value ? [t("uploads.speed", { speed: bytes(speed.value) }), timeLeft(left / speed.value)] : []),
  ];
  const part = total > 0 ? sent / total : whole > 0 ? inState("done") / whole : undefined;
  return (
    <div class="uploads-overall">
      {part === undefined || reading.value !== null ? <Progress label={t("uploads.progress")} /> : <Progress value={part} label={t("uploads.progress")} />}
      {whole > 0 && <p class="quiet">{words.join(" · ")}</p>}
    </div>
  );
}

// timeLeft is rounded as people do: nobody waits for the 37th second of an hour.
function timeLeft(seconds: number): string {
  if (seconds < 60) {
    return t("uploads.left.seconds", { n: Math.max(1, Math.ceil(seconds / 5) * 5) });
  }
  if (seconds < 3600) {
    return t("uploads.left.minutes", { n: Math.ceil(seconds / 60) });
  }
  return seconds < 172800 ? t("uploads.left.hours", { n: Math.ceil(seconds / 3600) }) : t("uploads.left.days", { n: Math.ceil(seconds / 86400) });
}

const first = 5;
const step = 100;

/** A list that begins short and grows when the person wants that, so that thousands of files do not slow the page. */
function Some({ all, most = first, children }: { all: readonly Upload[]; most?: number; children: (u: Upload) => ComponentChildren }) {
  const [n, setN] = useState(most);
  return (
    <>
      <ul class="uploads-list">
        {all.slice(0, n).map((u) => <li key={u.id}>{children(u)}</li>)}
      </ul>
      {all.length > n && (
        <Button kind="quiet" class="uploads-more" onClick={() => setN(n + step)}>{t("uploads.groups.more", { n: Math.min(step, all.length - n) })}</Button>
      )}
    </>
  );
}

const byState = (all: readonly Upload[], s: State): Upload[] => (inState(s) === 0 ? [] : all.filter((u) => u.state === s));

function Failures({ all }: { all: readonly Upload[] }) {
  const groups = new Map<string, Upload[]>();
  for (const u of byState(all, "failed")) {
    const group = groups.get(u.trouble!.key);
    if (group) {
      group.push(u);
    } else {
      groups.set(u.trouble!.key, [u]);
    }
  }
  return (
    <>
      {[...groups].map(([key, some]) => (
        <section key={key} class="uploads-group failed" aria-label={t("uploads.title.failed", { n: some.length })}>
          <h3><Icon name="error" />{t("uploads.title.failed", { n: some.length })}</h3>
          <p>{wordsOf(some)}</p>
          <Some all={some}>{(u) => <Name text={nameOf(u)} />}</Some>
          <div class="toolbar">
            {some[0]!.trouble!.again && <Button icon="refresh" onClick={() => retry(some)}>{t("uploads.retry")}</Button>}
            <Button onClick={() => cancel(some)}>{t("uploads.forget")}</Button>
          </div>
        </section>
      ))}
    </>
  );
}

/** Why files of one group failed: of a limit, what is missing for all of them. */
function wordsOf(some: readonly Upload[]): string {
  const trouble: Trouble = some.at(-1)!.trouble!;
  return trouble.limit ? limitWords(trouble.limit, some.length, some.reduce((n, u) => n + u.file.size, 0)) : trouble.words;
}

function Asking({ n }: { n: number }) {
  if (n === 0) {
    return null;
  }
  return (
    <section class="uploads-group">
      <h3><Icon name="info" />{t("uploads.groups.asking", { n })}</h3>
      <div class="toolbar"><Button kind="primary" onClick={ask}>{t("uploads.decide")}</Button></div>
    </section>
  );
}

function Rows({ all, state, head, few }: { all: readonly Upload[]; state: State; head?: string; few?: boolean }) {
  const some = byState(all, state);
  if (some.length === 0) {
    return null;
  }
  return (
    <section class="uploads-group">
      {head !== undefined && <h3>{head}</h3>}
      <Some all={some} most={few ? 3 : 20}>{(u) => <Row u={u} />}</Some>
    </section>
  );
}

function Row({ u }: { u: Upload }) {
  const name = label(u);
  return (
    <div class="upload">
      <Icon name="file" />
      <div class="upload-what">
        <Name text={nameOf(u)} class="upload-name" />
        {u.state === "running" || u.sent > 0
          ? <><Progress value={u.file.size === 0 ? 0 : u.sent / u.file.size} label={t("uploads.progressOf", { name })} /><span class="quiet">{t("uploads.of", { part: bytes(u.sent), whole: bytes(u.file.size) })}</span></>
          : <span class="quiet">{bytes(u.file.size)}</span>}
      </div>
      {u.state === "paused"
        ? <IconButton icon="play" label={t("uploads.resume", { name })} onClick={() => resume(u)} />
        : <IconButton icon="pause" label={t("uploads.pause", { name })} onClick={() => pause(u)} />}
      <IconButton icon="close" label={t("uploads.cancel", { name })} onClick={() => cancel([u])} />
    </div>
  );
}

function Counts() {
  const words = (["done", "skipped", "canceled"] as const).flatMap((s) => (inState(s) > 0 ? [t(`uploads.groups.${s}`, { n: inState(s) })] : []));
  if (words.length === 0) {
    return null;
  }
  const targets = new Map(uploads().map(({ batch: { target } }) => [`${target.folder}/${target.path}`, target]));
  return (
    <div class="uploads-counts">
      <p><Icon name={inState("done") > 0 ? "check" : "info"} />{words.join(" · ")}</p>
      {[...targets].slice(-3).map(([key, target]) => (
        <a key={key} href={href(["files", target.folder, ...target.path.split("/").filter((s) => s !== "")])}>{rich("uploads.into", { place: <Name text={placeOf(target)} /> })}</a>
      ))}
    </div>
  );
}

/** Tells screen readers of beginnings, ends and troubles, and of nothing between. */
function Announcements() {
  const [text, setText] = useState("");
  const was = useRef({ open: 0, done: 0, failed: new Set<string>(), offline: false, held: false, asking: 0 });
  const now = { open: open(), done: inState("done"), offline: offline.value, held: held.value, asking: inState("asking") };
  useEffect(() => {
    const before = was.current;
    const says: string[] = [];
    const failed = new Set<string>();
    for (const u of byState(uploads(), "failed")) {
      failed.add(u.trouble!.key);
    }
    if (now.open > 0 && before.open === 0) {
      says.push(t("uploads.says.begin", { n: now.open }));
    }
    for (const key of failed) {
      if (!before.failed.has(key)) {
        const some = uploads().filter((u) => u.state === "failed" && u.trouble?.key === key);
        says.push(t("uploads.says.failed", { n: some.length, why: wordsOf(some) }));
      }
    }
    if (now.offline !== before.offline && now.open > 0) {
      says.push(t(now.offline ? "uploads.says.offline" : "uploads.says.online"));
    }
    if (now.held && !before.held && now.open > 0) {
      says.push(t("uploads.says.paused"));
    }
    if (now.asking > 0 && before.asking === 0) {
      says.push(t("uploads.says.asking"));
    }
    if (now.open === 0 && before.open > 0 && now.done > 0) {
      says.push(t("uploads.says.done", { n: now.done }));
    }
    was.current = { ...now, failed };
    if (says.length > 0) {
      setText(says.join(" "));
    }
  });
  return <p class="unseen" role="status">{text}</p>;
}

// useFocusKept puts the focus on the panel's button when what had it goes away.
function useFocusKept(panel: { current: HTMLElement | null }): void {
  const inside = useRef(false);
  useLayoutEffect(() => {
    const el = panel.current;
    if (!el) {
      if (inside.current && document.activeElement === document.body) {
        document.getElementById("content")?.focus({ preventScroll: true });
      }
      inside.current = false;
      return;
    }
    if (inside.current && document.activeElement === document.body) {
      el.querySelector<HTMLElement>(".uploads-toggle")?.focus({ preventScroll: true });
    }
    inside.current = el.contains(document.activeElement);
  });
  useEffect(() => {
    const look = () => {
      inside.current = panel.current?.contains(document.activeElement) ?? false;
    };
    document.addEventListener("focusin", look);
    return () => document.removeEventListener("focusin", look);
  }, []);
}
