// Texts that were not saved when the session ended. They wait in memory, for the same user only.
import { effect } from "@preact/signals";
import { me } from "../session.ts";
import type { Format } from "./encoding.ts";
import type { Lock } from "./lock.ts";
import { idOf, type Place } from "./place.ts";

export type Draft = { text: string; format: Format; /** Of the version that it began with; "" for a new file. */ etag: string; lock?: Lock };

const drafts = new Map<string, { user: string; draft: Draft }>();

effect(() => {
  const user = me.value?.id;
  for (const [key, kept] of user === undefined ? [] : [...drafts]) {
    if (kept.user !== user) {
      drafts.delete(key);
    }
  }
});

export function keepDraft(user: string, place: Place, draft: Draft): void {
  drafts.set(idOf(place), { user, draft });
}

/** The draft of a file, which is not kept any longer. */
export function takeDraft(place: Place): Draft | undefined {
  const kept = drafts.get(idOf(place));
  drafts.delete(idOf(place));
  return kept?.draft;
}
