// A field for a password: it can be shown, and says when Caps Lock is on.
import type { ComponentChildren, InputHTMLAttributes } from "preact";
import { useId, useState } from "preact/hooks";
import { t } from "../text.ts";
import { IconButton } from "./button.tsx";

type Props = { label: string; hint?: ComponentChildren; error?: string | undefined } & Omit<InputHTMLAttributes, "label" | "type">;

/** The field, with a button that shows what was typed. */
export function PasswordField({ label, hint, error, ...rest }: Props) {
  const id = useId();
  const [shown, setShown] = useState(false);
  const [caps, setCaps] = useState(false);
  const look = (e: KeyboardEvent | MouseEvent) => setCaps(e.getModifierState?.("CapsLock") ?? false);
  const about = [hint ? `${id}-hint` : "", error ? `${id}-error` : "", `${id}-caps`].filter(Boolean).join(" ");
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <div class="password">
        <input
          spellcheck={false}
          autocapitalize="none"
          {...({ ...rest, type: shown ? "text" : "password" } as object)}
          id={id}
          aria-describedby={about}
          aria-invalid={error ? true : undefined}
          onKeyDown={look}
          onKeyUp={look}
          onMouseDown={look}
          onBlur={() => setCaps(false)}
        />
        <IconButton icon={shown ? "eyeOff" : "eye"} label={shown ? t("common.hidePassword", { what: label }) : t("common.showPassword", { what: label })} onClick={() => setShown(!shown)} />
      </div>
      <p class="hint caps" id={`${id}-caps`} role="status">{caps ? t("common.capsLock") : ""}</p>
      {hint && <div class="hint" id={`${id}-hint`}>{hint}</div>}
      {error && <p class="field-error" id={`${id}-error`}>{error}</p>}
    </div>
  );
}
