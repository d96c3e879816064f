// Having the server count again what is in a folder.
import { at, post } from "../api.ts";
import { type Folder, readFolder } from "../model.ts";

/** What a folder holds before and after its files were counted again; undefined if wanted says no more before that is done. */
export async function recount(id: string, wanted: () => boolean): Promise<{ before: Folder; now: Folder } | undefined> {
  const before = await readFolder(id);
  let now = await post<Folder>(at`/api/davit/folders/${id}/scan`);
  while (now.scanPending && wanted()) {
    await new Promise((done) => setTimeout(done, 500));
    now = await readFolder(id);
  }
  return wanted() ? { before, now } : undefined;
}
