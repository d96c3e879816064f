// The field in the place of a name that is being changed.
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { t } from "../text.ts";
import { nameRefused, rename, type Place } from "./actions.tsx";
import { extension, wrongName, type Entry } from "./entry.ts";

/** Enter renames, Escape leaves off; what is refused says why beside the field. */
export function Rename({ place, entry, onDone }: { place: Place; entry: Entry; onDone: () => void }) {
  const field = useRef<HTMLInputElement>(null);
  const [error, setError] = useState("");
  const busy = useRef(false);
  useLayoutEffect(() => { // before the next key
    const ext = entry.dir ? "" : extension(entry.name);
    field.current!.focus();
    field.current!.setSelectionRange(0, entry.name.length - (ext === "" ? 0 : ext.length + 1));
  }, []);
  const commit = async (leaving: boolean) => {
    const name = field.current!.value;
    if (busy.current) {
      return;
    }
    if (name === entry.name) {
      onDone();
      return;
    }
    const wrong = wrongName(name);
    if (wrong !== undefined) {
      if (leaving) {
        onDone();
      } else {
        setError(wrong);
      }
      return;
    }
    busy.current = true;
    try {
      await rename(place, entry, name);
      onDone();
    } catch (e) {
      setError(nameRefused(place, entry.path, e));
      field.current?.focus();
    } finally {
      busy.current = false;
    }
  };
  return (
    <span class="rename">
      <input
        ref={field}
        type="text"
        defaultValue={entry.name}
        aria-label={t("files.renameField")}
        aria-invalid={error !== "" || undefined}
        aria-describedby={error !== "" ? "rename-error" : undefined}
        autocomplete="off"
        spellcheck={false}
        onInput={() => setError("")}
        onKeyDown={(e) => {
          e.stopPropagation();
          if (e.key === "Enter") {
            e.preventDefault();
            void commit(false);
          } else if (e.key === "Escape") {
            e.preventDefault();
            onDone();
          }
        }}
        onBlur={() => { if (error === "") void commit(true); else onDone(); }}
        onClick={(e) => e.stopPropagation()}
        onDblClick={(e) => e.stopPropagation()}
      />
      {error !== "" && <span id="rename-error" class="rename-error" role="alert">{error}</span>}
    </span>
  );
}
