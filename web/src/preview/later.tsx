// Parts of the page that are fetched when they are needed.
import type { ComponentType } from "preact";
import { useLoad } from "../load.ts";
import { Loaded } from "../ui/feedback.tsx";

/** Shows a component with props once load has fetched it. */
export function Later<P extends object>({ load, props }: { load: () => Promise<ComponentType<P>>; props: P }) {
  const part = useLoad(async () => ({ Part: await load() }), []);
  return <Loaded of={part}>{({ Part }) => <Part {...props} />}</Loaded>;
}
