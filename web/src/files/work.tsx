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
import { Progress, toast } from "../ui/feedback.tsx";
import { Checkbox } from "../ui/form.tsx";
import { Name } from "../ui/name.tsx";
import { nameOf } from "./entry.ts";

export type Policy = "REJECT" | "RENAME" | "REPLACE" | "MERGE_RENAME";

/** One thing to be done. */
export type Task = { path: string; dir: boolean; body: Record<string, string> };
/** What became of a task: the ID that it has now. */
export type Done = { task: Task; id: string };
export type Failed = { task: Task; error: unknown };
export type Outcome = {
  done: Done[];
  failed: Failed[];
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

/**
 * Does the tasks by bulk calls, pieces that grow while they are quick. Refusals of single tasks are collected; what
 * stops everything (no connection, the folder gone) ends it and counts as the failure of the rest. When the session ends it
 * throws an AbortError: nobody is told, and it never goes on as another user.
 */
export async function work({ method, path, tasks, title, conflicts }: Options): Promise<Outcome> {
  const out: Outcome = { done: [], failed: [], skipped: 0, cancelled: false, replaced: false };
  const finished = signal(0);
  const stop = new AbortController();
  const session = sessionRound();
  let closeProgress: (() => void) | undefined;
  const showProgress = () => setTimeout(() => {
    closeProgress ??= session !== sessionRound() ? () => {} : openDialog((close) => (
      <ProgressDialog title={title} finished={finished} total={tasks.length} onCancel={() => { out.cancelled = true; stop.abort(); close(); }} />
    ));
  }, 700);
  let shown = showProgress();
  let forAll: Choice | undefined;
  let policyForAll: Policy = "REJECT";
  const policies = new Map<Task, Policy>();
  let size = 8;
  let rest = [...tasks];
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
      if (session !== sessionRound()) {
        throw new DOMException("the session is another one", "AbortError");
      }
      const began = performance.now();
      try {
        const answer = await call<{ responses: { id?: string }[] }>(method, path, {
          body: items(...piece.map((task) => (conflicts ? { ...task.body, conflictPolicy: policies.get(task) ?? policyForAll } : task.body))),
        });
        piece.forEach((task, i) => out.done.push({ task, id: answer.responses[i]?.id ?? "" }));
        rest = rest.slice(piece.length);
        size = performance.now() - began < 400 ? Math.min(500, size * 2) : Math.max(1, Math.floor(size / 2));
      } catch (error) {
        if (session !== sessionRound()) {
          throw new DOMException("the session is another one", "AbortError");
        }
        const before = error instanceof Problem ? error.itemsDone : 0;
        // Their answers are lost with the failure: where they are is not known, only that they are done.
        piece.slice(0, before).forEach((task) => out.done.push({ task, id: "" }));
        const at = error instanceof Problem ? error.item : -1;
        if (at < 0 || !(error instanceof Problem) || at >= piece.length) {
          rest.slice(before).forEach((task) => out.failed.push({ task, error }));
          break;
        }
        const task = piece[at]!;
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

function ProgressDialog({ title, finished, total, onCancel }: { title: string; finished: Signal<number>; total: number; onCancel: () => void }) {
  return (
    <Dialog title={title} onClose={onCancel} footer={<Button onClick={onCancel}>{t("files.work.stop")}</Button>}>
      <p role="status">{t("files.work.progress", { done: count(finished.value), n: total })}</p>
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
  return (
    <Dialog title={title} onClose={onClose} footer={<Button kind="primary" autofocus onClick={onClose}>{t("common.close")}</Button>}>
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
