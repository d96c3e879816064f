// Reading from the server for a view: what is there, what went wrong, and reading again.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { aborted } from "./api.ts";

export type Loading<T> = {
  /** What was read last; it stays while it is read again. */
  value: T | undefined;
  error: unknown;
  busy: boolean;
  /** Reads again. */
  reload: () => void;
  /** Puts another value in its place, as after a change whose result is known. */
  set: (value: T) => void;
};

/** Reads when the view appears and when a dep changes (the value is dropped then); leaves off when it goes. */
export function useLoad<T>(read: (signal: AbortSignal) => Promise<T>, deps: readonly unknown[]): Loading<T> {
  const [now, setNow] = useState<{ deps: readonly unknown[]; value?: T; error?: unknown; busy: boolean }>({ deps, busy: true });
  const [round, setRound] = useState(0);
  const current = useRef(read);
  current.current = read;
  useEffect(() => {
    const abort = new AbortController();
    setNow((was) => (same(was.deps, deps) ? { ...was, busy: true } : { deps, busy: true }));
    const reading = (async () => current.current(abort.signal))(); // what it throws at once is caught as well
    reading.then(
      (value) => {
        if (!abort.signal.aborted) {
          setNow({ deps, value, busy: false });
        }
      },
      (error: unknown) => {
        if (!abort.signal.aborted && !aborted(error)) {
          setNow((was) => ({ ...was, error, busy: false }));
        }
      },
    );
    return () => abort.abort();
  }, [...deps, round]);
  const reload = useCallback(() => setRound((n) => n + 1), []);
  const set = useCallback((value: T) => setNow((was) => ({ deps: was.deps, value, busy: was.busy })), []);
  const fresh = same(now.deps, deps);
  return { value: fresh ? now.value : undefined, error: fresh ? now.error : undefined, busy: !fresh || now.busy, reload, set };
}

const same = (a: readonly unknown[], b: readonly unknown[]) => a.length === b.length && a.every((v, i) => Object.is(v, b[i]));

/** Calls f every ms while the page is seen, and when it is seen again. */
export function useEvery(ms: number, f: () => void): void {
  const current = useRef(f);
  current.current = f;
  useEffect(() => {
    const look = () => {
      if (document.visibilityState === "visible") {
        current.current();
      }
    };
    const timer = setInterval(look, ms);
    document.addEventListener("visibilitychange", look);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", look);
    };
  }, [ms]);
}
