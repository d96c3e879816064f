// The panel of uploads in the page's frame. It is loaded when something is uploaded, or when there are uploads to go on with.
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { get } from "../api.ts";
import { me } from "../session.ts";
import { recall } from "./memory.ts";
import { wanted } from "./place.ts";

/** Stands once in the frame. */
export function Uploads() {
  const [Panel, setPanel] = useState<ComponentType | null>(null);
  useEffect(() => {
    const timer = setTimeout(() => void look(), 500); // the view first
    return () => clearTimeout(timer);
  }, []);
  useEffect(() => {
    if (wanted.value && !Panel) {
      void import("./panel.tsx").then((m) => setPanel(() => m.default));
    }
  }, [wanted.value]);
  return Panel && <Panel />;
}

// look finds out whether there is anything to go on with. If the server can't be asked, there is time later.
async function look(): Promise<void> {
  const user = me.value?.id;
  if (!user || wanted.value) {
    return;
  }
  try {
    const [list, kept] = await Promise.all([get<{ uploads: unknown[] }>("/api/davit/uploads"), recall(user)]);
    wanted.value ||= list.uploads.length > 0 || kept.length > 0;
  } catch {
    // nothing is lost: the next visit looks again
  }
}

// A file that is dropped beside every place for it would be opened in place of the page.
const guard = (e: DragEvent): void => {
  if (!e.defaultPrevented && e.dataTransfer?.types.includes("Files")) {
    e.preventDefault();
    e.dataTransfer.dropEffect = "none";
  }
};
addEventListener("dragover", guard);
addEventListener("drop", guard);
