// A field for the name of a user, which offers names while one types (WAI-ARIA Authoring Practices, editable combobox
// with list autocomplete). Whole mail addresses find their users as well.
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { get } from "../api.ts";
import { visible } from "../format.ts";
import { t } from "../text.ts";

type Props = {
  label: string;
  hint?: string;
  name?: string;
  value: string;
  onChange: (text: string) => void;
  /** Names that are not offered: who is in the list already. */
  without?: readonly string[];
  required?: boolean;
  autofocus?: boolean;
};

export function UserField({ label, hint, name, value, onChange, without = [], required, autofocus }: Props) {
  const id = useId();
  const [names, setNames] = useState<readonly string[]>([]);
  const [open, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const asked = useRef(0);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (autofocus) {
      input.current?.focus();
    }
  }, []);
  const ask = (text: string) => {
    const mine = ++asked.current;
    setActive(-1);
    if (text.trim() === "" || text.length > 64) {
      setNames([]);
      setOpen(false);
      return;
    }
    setTimeout(() => {
      if (mine !== asked.current) {
        return;
      }
      get<{ names: string[] }>("/api/davit/users/find", { query: text.trim() }).then(
        (found) => {
          if (mine === asked.current) {
            const left = found.names.filter((n) => !without.includes(n));
            setNames(left);
            setOpen(left.length > 0 && !(left.length === 1 && left[0] === text));
          }
        },
        () => setOpen(false), // the names can be typed all the same
      );
    }, 150);
  };
  const choose = (n: string) => {
    asked.current++;
    onChange(n);
    setOpen(false);
    setActive(-1);
    input.current?.focus();
  };
  const key = (e: KeyboardEvent) => {
    if (e.key === "ArrowDown" || e.key === "ArrowUp") {
      e.preventDefault();
      if (!open) {
        ask(value);
      } else {
        setActive((i) => (e.key === "ArrowDown" ? (i + 1) % names.length : (i <= 0 ? names.length : i) - 1));
      }
    } else if (e.key === "Enter" && open && active >= 0) {
      e.preventDefault();
      choose(names[active]!);
    } else if (e.key === "Escape" && open) {
      e.preventDefault();
      e.stopPropagation();
      asked.current++;
      setOpen(false);
    }
  };
  return (
    <div class="field userfield">
      <label for={id}>{label}</label>
      <input
        ref={input} id={id} name={name} type="text" role="combobox" autocomplete="off" autocapitalize="none" spellcheck={false} required={required}
        aria-autocomplete="list" aria-expanded={open} aria-controls={`${id}-list`} aria-activedescendant={open && active >= 0 ? `${id}-${active}` : undefined}
        aria-describedby={hint ? `${id}-hint` : undefined} value={value}
        onInput={(e) => { onChange(e.currentTarget.value); ask(e.currentTarget.value); }}
        onKeyDown={key} onBlur={() => { asked.current++; setOpen(false); }}
      />
      <ul id={`${id}-list`} class="userfield-list" role="listbox" aria-label={t("common.namesList")} hidden={!open}>
        {names.map((n, i) => (
          <li
            key={n} id={`${id}-${i}`} role="option" aria-selected={i === active}
            onPointerDown={(e) => e.preventDefault()} onClick={() => choose(n)}
          >
            <bdi>{visible(n)}</bdi>
          </li>
        ))}
      </ul>
      <p class="unseen" role="status">{open ? t("common.namesOffered", { n: names.length }) : ""}</p>
      {hint && <p class="hint" id={`${id}-hint`}>{hint}</p>}
    </div>
  );
}
