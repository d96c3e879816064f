// What is wrong with the fields of a form, said beside them.
import { useEffect, useState } from "preact/hooks";
import { Problem } from "../api.ts";

export type Wrong = { [field: string]: string | undefined };

/** The errors of a form by field. */
export function useWrong() {
  const [wrong, setWrong] = useState<Wrong>({});
  useEffect(() => {
    document.querySelector<HTMLElement>("dialog[open]:last-of-type [aria-invalid]")?.focus();
  }, [wrong]);
  const shown = Object.values(wrong).some((text) => text !== undefined);
  useEffect(() => {
    if (!shown) {
      return undefined;
    }
    // It is looked at again when the form is sent. Not at once: the field's own change event comes behind this one.
    const mended = () => setTimeout(() => setWrong({}));
    document.addEventListener("input", mended);
    return () => document.removeEventListener("input", mended);
  }, [shown]);
  const say = (found: Wrong): void => {
    setWrong(found);
    if (Object.values(found).some((text) => text !== undefined)) {
      throw new DOMException("see the fields", "AbortError"); // the dialog stays open, and has nothing to add
    }
  };
  return {
    wrong,
    /** Shows these errors, and stops what is going on if there are any. */
    say,
    /** Runs what the server may refuse; what it says about one of the fields ("name: …") is shown there. */
    ask: async <T>(run: () => Promise<T>, fields: readonly string[]): Promise<T> => {
      try {
        return await run();
      } catch (e) {
        const about = e instanceof Problem ? /^(?:limits\.)?(\w+): (.*)$/s.exec(e.message) : null;
        if (about && fields.includes(about[1]!)) {
          say({ [about[1]!]: about[2]! });
        }
        throw e;
      }
    },
  };
}
