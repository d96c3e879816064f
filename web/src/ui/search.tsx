// The field that a list is searched by. What is typed counts a moment later.
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { Icon } from "../ui/icon.tsx";

/** onSearch is told what to look for; value is what the list shows now. */
export function Search({ label, value, onSearch }: { label: string; value: string; onSearch: (text: string) => void }) {
  const id = useId();
  const [text, setText] = useState(value);
  const told = useRef(value);
  useEffect(() => {
    if (value !== told.current) { // by the way back of the browser
      told.current = value;
      setText(value);
    }
  }, [value]);
  const tell = (to: string) => {
    if (to !== told.current) {
      told.current = to;
      onSearch(to);
    }
  };
  useEffect(() => {
    const timer = setTimeout(() => tell(text.trim()), 250);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <form class="search" role="search" onSubmit={(e) => { e.preventDefault(); tell(text.trim()); }}>
      <label class="unseen" for={id}>{label}</label>
      <Icon name="search" />
      <input id={id} type="search" maxLength={255} placeholder={label} autocomplete="off" spellcheck={false} value={text} onInput={(e) => setText(e.currentTarget.value)} />
    </form>
  );
}
