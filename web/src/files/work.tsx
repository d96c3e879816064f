// Work on many entries: in pieces, with its progress in a dialog once it takes a while, and an end on demand between
// the pieces. What could not be done is told by name; the rest is done.
import { signal, type Signal } from "@preact/signals";
import { useState } from "preact/hooks";
import type { ComponentChildren } from "preact";
import { aborted, call, items, messageOf, Problem } from "../api.ts";
import { count, visible } from "../format.ts";
import { sessionRound } from "../session.ts";
import { rich, t } from "../text.ts";
import { Button } from "../ui/button.tsx";
import { Dialog, openDialog } from "../ui/dialog.tsx";
import { Alert, Progress, toast } from "../ui/feedback.tsx";
import { Checkbox } from "../ui/form.tsx";
import { Name } from "../ui/name.tsx";
import { nameOf } from "./entry.ts";
import { answering, fates, inTheWay, isLost, moment, type Fate, type Moment } from "./lost.ts";

export type Policy = "REJECT" | "RENAME" | "REPLACE" | "MERGE_RENAME";

/** One thing to be done. */
export type Task = { path: string; dir: boolean; body: Record<string, string> };
/** What became of a task: the ID that it has now. */
export type Done = { task: Task; id: string };
export type Failed = { task: Task; error: unknown };
export type Outcome = {
  done: Done[];
  failed: Failed[];
  /** What nobody knows of: the answer was lost. */
  unknown: Task[];
  skipped: number;
  cancelled: boolean;
  /** Something was replaced or merged: there is no simple way back. */
  replaced: boolean;
};

/** The words of a refusal, without the field and the path that stand before them. */
export function why(error: unknown): string {
  const text = messageOf(error);
  return /^\w+ "(?:[^"\\]|\\.)*": (.*)$/s.exec(text)?.[1] ?? text;
}

type Options = {
  method: "POST" | "DELETE";
  path: string;
  tasks: readonly Task[];
  /** What is going on: "Moving". */
  title: string;
  /** Names that are taken are asked about. */
  conflicts?: { destination: string } | undefined;
};

// So many pieces may be lost one after the other: perhaps it is they that the server, or what is before it, dies of.
const mostLost = 4;

// What is going on, so that a key that was pressed twice does not do it twice.
const going = new Set<string>();

/**
 * Does the tasks by bulk calls, pieces that grow while they are quick. Refusals of single tasks are collected; what
 * stops everything (the folder or the right is gone) ends it and counts as the failure of the rest. While the server can't
 * be reached it waits, looks what the last piece came to, and goes on. When the session ends, and when the very same is
 * going on already, it throws an AbortError: nobody is told, and it never goes on as another user.
 */
export async function work(options: Options): Promise<Outcome> {
  const { path, tasks } = options;
  const what = JSON.stringify([path, sessionRound(), tasks.length, tasks[0]?.body, tasks.at(-1)?.body]);
  if (going.has(what)) {
    throw new DOMException("it is being done", "AbortError");
  }
  going.add(what);
  try {
    return await doAll(options);
  } finally {
    going.delete(what);
  }
}

async function doAll({ method, path, tasks, title, conflicts }: Options): Promise<Outcome> {
  const out: Outcome = { done: [], failed: [], unknown: [], skipped: 0, cancelled: false, replaced: false };
  const finished = signal(0);
  const away = signal(false);
  const stop = new AbortController();
  const session = sessionRound();
  let closeProgress: (() => void) | undefined;
  const showProgress = () => setTimeout(() => {
    closeProgress ??= session !== sessionRound() ? () => {} : openDialog((close) => (
      <ProgressDialog title={title} finished={finished} away={away} total={tasks.length} onCancel={() => { out.cancelled = true; stop.abort(); close(); }} />
    ));
  }, 700);
  let shown = showProgress();
  let forAll: Choice | undefined;
  let policyForAll: Policy = "REJECT";
  const policies = new Map<Task, Policy>();
  const policyOf = (task: Task): Policy => policies.get(task) ?? (task.body["conflictPolicy"] as Policy | undefined) ?? policyForAll;
  const sameSession = () => {
    if (session !== sessionRound()) {
      throw new DOMException("the session is another one", "AbortError");
    }
  };
  // learn waits until the server answers, and asks what became of what it did not answer. Undefined: it was left off.
  const learn = async (sent: Parameters<typeof fates>[1], began: Moment): Promise<Fate[] | undefined> => {
    const taken = new Set(out.done.map((d) => d.id));
    away.value = true;
    try {
      while (await answering(stop.signal)) {
        sameSession();
        try {
          return await fates(path, sent, began, new Set(taken));
        } catch (e) {
          sameSession();
          if (!isLost(e)) {
            return undefined;
          }
        }
      }
      return undefined;
    } finally {
      away.value = false;
    }
  };
  let size = 8;
  let rest = [...tasks];
  let lost = 0; // pieces without an answer, one after the other
  let looked = false; // whether the folder is there, since something was done
  try {
    while (rest.length > 0 && !stop.signal.aborted) {
      // Two of a piece never get the same name: what is in a name's way is then found before anything is done.
      const names = new Set<string>();
      let n = 0;
      while (n < Math.min(size, rest.length)) {
        const to = rest[n]!.body["newId"];
        if (to !== undefined && (names.has(to) || !names.add(to))) {
          break;
        }
        n++;
      }
      const piece = rest.slice(0, Math.max(1, n));
      sameSession();
      const began = performance.now();
      const sent = moment();
      try {
        const answer = await call<{ responses: { id?: string }[] }>(method, path, {
          body: items(...piece.map((task) => (conflicts ? { ...task.body, conflictPolicy: policyOf(task) } : task.body))),
        });
        piece.forEach((task, i) => out.done.push({ task, id: answer.responses[i]?.id ?? "" }));
        rest = rest.slice(piece.length);
        lost = 0;
        looked = false;
        size = performance.now() - began < 400 ? Math.min(500, size * 2) : Math.max(1, Math.floor(size / 2));
      } catch (error) {
        sameSession();
        const before = error instanceof Problem ? error.itemsDone : 0;
        // Their answers are lost with the failure: where they are is not known, only that they are done.
        piece.slice(0, before).forEach((task) => out.done.push({ task, id: "" }));
        if (before > 0) {
          lost = 0;
          looked = false;
        }
        if (isLost(error) && ++lost < mostLost) {
          const unsure = piece.slice(before);
          const fate = await learn(unsure.map((task) => ({ task, policy: policyOf(task) })), sent);
          const again: Task[] = [];
          unsure.forEach((task, i) => {
            const f = fate?.[i] ?? "unknown";
            if (f === "undone") {
              again.push(task);
            } else if (f === "unknown") {
              out.unknown.push(task);
            } else {
              out.done.push({ task, id: f.id });
            }
          });
          if (again.length < unsure.length) {
            lost = 0;
          }
          rest = [...again, ...rest.slice(piece.length)];
          finished.value = tasks.length - rest.length;
          size = 8;
          continue;
        }
        const at = error instanceof Problem ? error.item : -1;
        if (at < 0 || !(error instanceof Problem) || at >= piece.length) {
          rest.slice(before).forEach((task) => out.failed.push({ task, error }));
          break;
        }
        const task = piece[at]!;
        if (!looked && (error.status === 404 || error.status === 403)) {
          looked = true;
          const all = await inTheWay(task, !path.endsWith("/copy")).catch(() => undefined); // the next piece tells
          sameSession();
          if (all) {
            rest.slice(before).forEach((task) => out.failed.push({ task, error: all }));
            break;
          }
        }
        const without = () => {
          rest = [...rest.slice(before, at), ...rest.slice(at + 1)];
        };
        if (conflicts && error.code === "file-exists" && (policies.get(task) ?? policyForAll) === "REJECT") {
          clearTimeout(shown); // not over the question
          const asked = forAll ?? (await askConflict(task, conflicts.destination, rest.length - before > 1));
          shown = showProgress();
          if (asked.all) {
            forAll = asked;
          }
          if (asked.what === "cancel") {
            out.cancelled = true;
            break;
          }
          if (asked.what === "skip") {
            out.skipped++;
            without();
            if (asked.all) {
              size = Math.min(size, 32); // each that is skipped costs a look at the whole piece
            }
          } else {
            policies.set(task, asked.what);
            out.replaced ||= asked.what !== "RENAME";
            if (asked.all) {
              policyForAll = asked.what;
            }
            rest = rest.slice(before);
          }
        } else {
          out.failed.push({ task, error });
          without();
        }
      }
      finished.value = tasks.length - rest.length;
    }
  } finally {
    clearTimeout(shown);
    closeProgress?.();
  }
  return out;
}

function ProgressDialog({ title, finished, away, total, onCancel }: { title: string; finished: Signal<number>; away: Signal<boolean>; total: number; onCancel: () => void }) {
  return (
    <Dialog title={title} onClose={onCancel} footer={<Button onClick={onCancel}>{t("files.work.stop")}</Button>}>
      <p role="status">{t("files.work.progress", { done: count(finished.value), n: total })}</p>
      {away.value && <Alert kind="warning">{t("files.work.away")}</Alert>}
      <Progress label={title} {...(total > 1 && { value: finished.value / total })} />
    </Dialog>
  );
}

type Choice = { what: Policy | "skip" | "cancel"; all: boolean };

function askConflict(task: Task, destination: string, more: boolean): Promise<Choice> {
  return new Promise((resolve) => {
    openDialog((close) => (
      <ConflictDialog
        task={task}
        destination={destination}
        more={more}
        onChoice={(c) => {
          close();
          resolve(c);
        }}
      />
    ));
  });
}

function ConflictDialog({ task, destination, more, onChoice }: { task: Task; destination: string; more: boolean; onChoice: (c: Choice) => void }) {
  const [all, setAll] = useState(false);
  const choose = (what: Choice["what"]) => onChoice({ what, all });
  return (
    <Dialog
      title={t("files.conflict.title")}
      onClose={() => onChoice({ what: "cancel", all: false })}
      footer={
        <>
          <Button onClick={() => onChoice({ what: "cancel", all: false })}>{t("common.cancel")}</Button>
          <Button onClick={() => choose("skip")}>{t("files.conflict.skip")}</Button>
          {task.dir && <Button onClick={() => choose("MERGE_RENAME")}>{t("files.conflict.mergeKeep")}</Button>}
          <Button onClick={() => choose("REPLACE")}>{task.dir ? t("files.conflict.mergeReplace") : t("files.conflict.replace")}</Button>
          <Button kind="primary" autofocus onClick={() => choose("RENAME")}>{t("files.conflict.keepBoth")}</Button>
        </>
      }
    >
      <div class="prose">
        <p>{rich("files.conflict.what", { name: <Name text={nameOf(task.body["newId"] ?? task.path)} />, directory: <Name text={destination} /> })}</p>
        <p class="quiet">{task.dir ? t("files.conflict.aboutDirectory") : t("files.conflict.aboutFile")}</p>
        {more && <Checkbox label={t("files.conflict.all")} checked={all} onChange={(e) => setAll(e.currentTarget.checked)} />}
      </div>
    </Dialog>
  );
}

/**
 * Tells what became of work: one toast if all went well, with a way back if there is one; a dialog with the names of
 * what did not. advice says what may help with an error.
 */
export function tell(out: Outcome, words: { done: ComponentChildren; failed: string }, advice: (f: Failed) => ComponentChildren, undo?: () => void): void {
  if (out.done.length > 0) {
    toast(words.done, undo ? { action: { label: t("files.undo"), run: undo } } : {});
  }
  if (out.unknown.length > 0) {
    toast(t("files.work.unknown", { n: out.unknown.length }), { kind: "error" });
  }
  if (out.failed.length === 0) {
    return;
  }
  if (out.failed.some((f) => aborted(f.error))) {
    return;
  }
  openDialog((close) => <FailedDialog failed={out.failed} title={words.failed} advice={advice} onClose={close} />);
}

const mostFailures = 100;

function FailedDialog({ failed, title, advice, onClose }: { failed: readonly Failed[]; title: string; advice: (f: Failed) => ComponentChildren; onClose: () => void }) {
  const [first] = failed;
  const footer = <Button kind="primary" autofocus onClick={onClose}>{t("common.close")}</Button>;
  if (first && failed.length > 1 && failed.every((f) => f.error === first.error)) {
    return (
      <Dialog title={title} onClose={onClose} footer={footer}>
        <Alert kind="error">
          <p>{visible(why(first.error))}</p>
          <p>{t("files.work.allFailed", { n: failed.length })}</p>
        </Alert>
      </Dialog>
    );
  }
  return (
    <Dialog title={title} onClose={onClose} footer={footer}>
      <div role="alert"><ul class="failures">
        {failed.slice(0, mostFailures).map((f) => (
          <li key={f.task.path}>
            <p><strong><Name text={nameOf(f.task.path)} /></strong></p>
            <p>{visible(why(f.error))}</p>
            {advice(f)}
          </li>
        ))}
      </ul></div>
      {failed.length > mostFailures && <p>{t("files.work.moreFailed", { n: failed.length - mostFailures })}</p>}
    </Dialog>
  );
}
