// What the page tells: messages beside what they are about, notes that pass (toasts), progress, and states of loading.
import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { aborted, messageOf, Problem } from "../api.ts";
import { bytes, count, percent, visible } from "../format.ts";
import type { Loading } from "../load.ts";
import { onEnd } from "../session.ts";
import { t } from "../text.ts";
import { Button, IconButton } from "./button.tsx";
import { Icon, type IconName } from "./icon.tsx";

/** A message that stays. Errors and warnings are read out when they appear. */
export function Alert({ kind = "info", children }: { kind?: "info" | "success" | "warning" | "error"; children: ComponentChildren }) {
  const icon: IconName = kind === "info" ? "info" : kind === "success" ? "check" : kind === "warning" ? "warning" : "error";
  return (
    <div class={`alert ${kind}`} role={kind === "error" || kind === "warning" ? "alert" : undefined}>
      <Icon name={icon} />
      <div>{children}</div>
    </div>
  );
}

type Toast = { id: number; kind: "info" | "error"; text: ComponentChildren; action: { label: string; run: () => void } | undefined };
const toasts = signal<readonly Toast[]>([]);
let lastToast = 0;

/** Tells that something was done (it goes by itself), or failed (it stays until it is closed). An action may undo it. */
export function toast(text: ComponentChildren, opts: { kind?: "info" | "error"; action?: { label: string; run: () => void } } = {}): void {
  const made: Toast = { id: ++lastToast, kind: opts.kind ?? "info", text, action: opts.action };
  toasts.value = [...toasts.value.slice(-4), made];
  if (made.kind === "info") {
    setTimeout(() => dismiss(made.id), made.action ? 12000 : 6000);
  }
}

/** Tells an error that was caught; what was left off is none. */
export function toastError(e: unknown): void {
  if (!aborted(e)) {
    toast(messageOf(e), { kind: "error" });
  }
}

function dismiss(id: number): void {
  toasts.value = toasts.value.filter((n) => n.id !== id);
}

onEnd(() => {
  toasts.value = [];
});

/** Stands once in the page. */
export function Toasts() {
  return (
    <section class="toasts" aria-label={t("common.messages")} aria-live="polite">
      {toasts.value.map((n) => (
        <div key={n.id} class={`toast ${n.kind}`} role={n.kind === "error" ? "alert" : "status"}>
          <Icon name={n.kind === "error" ? "error" : "check"} />
          <span>{n.text}</span>
          {n.action && (
            <Button
              kind="quiet"
              onClick={() => {
                dismiss(n.id);
                n.action?.run();
              }}
            >
              {n.action.label}
            </Button>
          )}
          <IconButton icon="close" label={t("common.dismiss")} onClick={() => dismiss(n.id)} />
        </div>
      ))}
    </section>
  );
}

/** Shows what was loaded, or that it is being loaded, or what went wrong and how to try again. */
export function Loaded<T>({ of, children }: { of: Loading<T>; children: (value: T) => ComponentChildren }) {
  if (of.value !== undefined) {
    return (
      <>
        {of.error !== undefined && <Failure error={of.error} retry={of.reload} />}
        {children(of.value)}
      </>
    );
  }
  if (of.error !== undefined) {
    return <Failure error={of.error} retry={of.reload} />;
  }
  return <Spinner />;
}

export function Spinner({ label }: { label?: string }) {
  return (
    <p class="spinner" role="status">
      <span class="spinner-wheel" aria-hidden="true" />
      {label ?? t("common.loading")}
    </p>
  );
}

export function Failure({ error, retry }: { error: unknown; retry?: () => void }) {
  return (
    <Alert kind="error">
      <p>{messageOf(error)}</p>
      {error instanceof Problem && error.requestID !== "" && error.status >= 500 && <p class="quiet">{t("errors.requestID", { id: error.requestID })}</p>}
      {retry && <Button icon="refresh" onClick={retry}>{t("common.retry")}</Button>}
    </Alert>
  );
}

/** What stands where a list would be, if it is empty: why, and what to do. */
export function Empty({ icon, title, children }: { icon: IconName; title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <Icon name={icon} />
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}

/** How far work is; without value it is not known. */
export function Progress({ value, label }: { value?: number; label: string }) {
  return value === undefined ? <progress class="progress" aria-label={visible(label)} /> : <progress class="progress" aria-label={visible(label)} max={1} value={value} />;
}

/** A part of a limit as a bar with words: 3.2 GiB of 10 GiB. Without limit there is no bar. */
export function Usage({ used, max, unit, label }: { used: number; max: number | null | undefined; unit: "bytes" | "files" | "folders"; label: string }) {
  const write = unit === "bytes" ? bytes : count;
  const words = max == null ? t(`usage.${unit}`, { used: write(used), n: used }) : t(`usage.${unit}Of`, { used: write(used), max: write(max), n: max });
  const part = max == null ? undefined : max === 0 ? 1 : Math.min(1, used / max);
  return (
    <div class="usage">
      {part !== undefined && (
        <div
          class={part >= 1 ? "usage-bar full" : part >= 0.9 ? "usage-bar near" : "usage-bar"}
          role="meter"
          aria-label={visible(label)}
          aria-valuemin={0}
          aria-valuemax={max ?? undefined}
          aria-valuenow={Math.min(used, max ?? used)}
          aria-valuetext={`${words} (${percent(part)})`}
        >
          <div style={{ inlineSize: `${part * 100}%` }} />
        </div>
      )}
      <span class="usage-words">{words}</span>
    </div>
  );
}
