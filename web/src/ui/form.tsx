// Fields of forms: a label, what it is about, and what is wrong with it, tied together for screen readers.
import type { ComponentChildren, InputHTMLAttributes, SelectHTMLAttributes } from "preact";
import { useId, useState } from "preact/hooks";
import { Advice } from "../api.ts";
import { parts } from "../format.ts";
import { t } from "../text.ts";
import { IconButton } from "./button.tsx";
import { toast, toastError } from "./feedback.tsx";

type Around = { label: ComponentChildren; hint?: ComponentChildren; error?: string | undefined };

/** A line of text, a number or a password. */
export function Field({ label, hint, error, ...rest }: Around & Omit<InputHTMLAttributes, "label">) {
  const id = useId();
  const about = [hint ? `${id}-hint` : "", error ? `${id}-error` : ""].filter(Boolean).join(" ");
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input type="text" autocomplete="off" spellcheck={false} {...(rest as object)} id={id} aria-describedby={about || undefined} aria-invalid={error ? true : undefined} />
      {hint && <p class="hint" id={`${id}-hint`}>{hint}</p>}
      {error && <p class="field-error" id={`${id}-error`}>{error}</p>}
    </div>
  );
}

export type Choice = { value: string; label: string; disabled?: boolean };

/** One of several values. */
export function Select({ label, hint, choices, ...rest }: Around & { choices: readonly Choice[] } & Omit<SelectHTMLAttributes, "label">) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select {...(rest as object)} id={id} aria-describedby={hint ? `${id}-hint` : undefined}>
        {choices.map((c) => (
          <option key={c.value} value={c.value} disabled={c.disabled} selected={c.value === rest.value}>{c.label}</option>
        ))}
      </select>
      {hint && <p class="hint" id={`${id}-hint`}>{hint}</p>}
    </div>
  );
}

/** Yes or no. */
export function Checkbox({ label, hint, ...rest }: Around & Omit<InputHTMLAttributes, "label">) {
  const id = useId();
  return (
    <div class="field check">
      <input type="checkbox" {...(rest as object)} id={id} aria-describedby={hint ? `${id}-hint` : undefined} />
      <label for={id}>{label}</label>
      {hint && <p class="hint" id={`${id}-hint`}>{hint}</p>}
    </div>
  );
}

/** A text to take along: a command, a token, an address. */
export function CopyText({ label, text, secret }: { label: string; text: string; secret?: boolean }) {
  const [shown, setShown] = useState(!secret);
  const copy = async () => {
    try {
      await writeClipboard(text);
      toast(t("common.copied"));
    } catch (e) {
      toastError(e);
    }
  };
  return (
    <div class="copytext" role="group" aria-label={label}>
      <pre tabIndex={0} aria-label={label}><code>{shown ? lines(text) : "•".repeat(24)}</code></pre>
      <div class="copytext-buttons">
        {secret && <IconButton icon={shown ? "eyeOff" : "eye"} label={shown ? t("common.hide") : t("common.show")} onClick={() => setShown(!shown)} />}
        <IconButton icon="copy" label={t("common.copy", { what: label })} onClick={() => void copy()} />
      </div>
    </div>
  );
}

// What is not seen is shown (D35): names that others chose are in it. It is copied as it is.
const lines = (text: string) => text.split("\n").flatMap((line, n) => [n > 0 ? "\n" : "", ...parts(line).map((p) => (p.code ? <span class="codepoint">{p.text}</span> : p.text))]);

/** Puts text into the clipboard, also where the page came over plain HTTP, for which browsers have no Clipboard API. */
export async function writeClipboard(text: string): Promise<void> {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = document.createElement("textarea");
  area.value = text;
  (document.querySelector("dialog[open]:last-of-type") ?? document.body).append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) {
    throw new Advice(t("errors.clipboard"));
  }
}
