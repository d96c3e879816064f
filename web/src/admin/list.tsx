// Long lists, a page at a time, and the field that narrows them.
import { useEffect, useRef, useState } from "preact/hooks";
import { go, href, route } from "../route.ts";
import { t } from "../text.ts";
import { Button } from "../ui/button.tsx";
import { Icon } from "../ui/icon.tsx";

/** The values of a place's query, and a function that changes some of them without a new entry in the history. */
export function useQuery(): [get: (name: string) => string, set: (values: { [name: string]: string }) => void] {
  const query = route.value.query;
  return [
    (name) => query.get(name) ?? "",
    (values) => go(href(route.value.path, { ...Object.fromEntries(route.value.query), ...values }), true),
  ];
}

export type Steps = {
  /** What to ask the server with for the page that is shown; "" for the first. */
  next: string;
  number: number;
  forward: (next: string) => void;
  back: () => void;
};

/** Which page is shown. It is the first again when what is listed (key) changes. */
export function useSteps(key: string): Steps {
  const [state, setState] = useState<{ key: string; before: readonly string[] }>({ key, before: [] });
  const before = state.key === key ? state.before : [];
  return {
    next: before.at(-1) ?? "",
    number: before.length + 1,
    forward: (next) => setState({ key, before: [...before, next] }),
    back: () => setState({ key, before: before.slice(0, -1) }),
  };
}

/** Buttons for the pages around the one that is shown, and how much that has. */
export function Pager({ steps, next, shown }: { steps: Steps; next: string | null; shown: string }) {
  return (
    <nav class="watch-pager" aria-label={t("admin.pages.label")}>
      <p class="quiet" role="status">{shown}</p>
      {(steps.number > 1 || next !== null) && (
        <>
          <Button icon="back" disabled={steps.number === 1} onClick={steps.back}>{t("admin.pages.back")}</Button>
          <span>{t("admin.pages.page", { n: steps.number })}</span>
          <Button icon="chevron" disabled={next === null} onClick={() => { if (next !== null) steps.forward(next); }}>{t("admin.pages.forward")}</Button>
        </>
      )}
    </nav>
  );
}

/** A field for a text that is looked for, a moment after it was typed. */
export function Search({ label, value, onValue, hint }: { label: string; value: string; onValue: (text: string) => void; hint?: string }) {
  const [text, setText] = useState(value);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const told = useRef(value);
  useEffect(() => {
    if (value !== told.current) { // changed from elsewhere, such as by a link
      told.current = value;
      setText(value);
    }
  }, [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const tell = (text: string) => {
    clearTimeout(timer.current);
    told.current = text.trim();
    onValue(text.trim());
  };
  return (
    <form class="watch-search" role="search" onSubmit={(e) => { e.preventDefault(); tell(text); }}>
      <Icon name="search" />
      <input
        type="search" aria-label={label} placeholder={hint ?? label} value={text} maxLength={200} autocomplete="off" spellcheck={false}
        onInput={(e) => {
          const typed = e.currentTarget.value;
          setText(typed);
          clearTimeout(timer.current);
          timer.current = setTimeout(() => tell(typed), 300);
        }}
      />
    </form>
  );
}
