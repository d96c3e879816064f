// The folders that who is signed in sees, of all workspaces. The list is kept while the page goes elsewhere, and read
// again in the background: going back shows it at once.
import { signal } from "@preact/signals";
import { type Folder, readAll } from "../model.ts";
import { onEnd } from "../session.ts";
import { rich } from "../text.ts";
import { toast } from "../ui/feedback.tsx";
import { Name } from "../ui/name.tsx";

type Catalog = { folders: readonly Folder[] | undefined; error: unknown };

export const catalog = signal<Catalog>({ folders: undefined, error: undefined });

let reading: Promise<void> | undefined;
let again = false;
let session = 0;
const leaving = new Set<string>();

onEnd(() => {
  session++;
  reading = undefined;
  catalog.value = { folders: undefined, error: undefined };
  leaving.clear();
});

/** Reads the list again. Who asks while it is being read gets one that was read after asking. */
export function refreshCatalog(): Promise<void> {
  if (reading) {
    again = true;
    return reading;
  }
  const mine = session;
  const run = async (): Promise<void> => {
    do {
      again = false;
      try {
        const folders = await readAll<Folder>("/api/davit/folders", { mine: "true", deleted: "false" });
        if (mine !== session) {
          return;
        }
        tellWhatWent(catalog.value.folders, folders);
        catalog.value = { folders, error: undefined };
      } catch (error) {
        if (mine !== session) {
          return;
        }
        catalog.value = { folders: catalog.value.folders, error };
      }
    } while (again);
  };
  reading = run().finally(() => {
    if (mine === session) {
      reading = undefined;
    }
  });
  return reading;
}

// Nobody should wonder where a folder is that was there a minute ago.
function tellWhatWent(before: readonly Folder[] | undefined, now: readonly Folder[]): void {
  const here = new Set(now.map((f) => f.id));
  for (const f of before ?? []) {
    if (!here.has(f.id) && !leaving.has(f.id)) {
      toast(rich("folders.list.went", { title: <Name text={f.title} /> }));
    }
  }
}

/** Takes a folder out of the list that the user deleted or left, so that nobody is told of it. */
export function forget(id: string): void {
  leaving.add(id);
  catalog.value = { ...catalog.value, folders: catalog.value.folders?.filter((f) => f.id !== id) };
}

/** The opposite of forget, for a folder that was restored. */
export function expect(id: string): void {
  leaving.delete(id);
}
