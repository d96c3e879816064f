// How many invitations wait for an answer, for the mark beside the name of the place.
import { effect, signal } from "@preact/signals";
import { get } from "../api.ts";
import { onEnd, state } from "../session.ts";

export type Invitation = {
  id: string;
  folderId: string;
  folder: string;
  inviter: string;
  invitee: string;
  permission: "READ" | "EDIT";
  state: string;
  created: string;
  modified: string | null;
};

export type Invitations = { received: Invitation[]; sent: Invitation[] };

/** 0 also while nothing is known. */
export const pending = signal(0);

export async function readInvitations(abort?: AbortSignal): Promise<Invitations> {
  const all = await get<Invitations>("/api/davit/invitations", {}, abort);
  pending.value = all.received.length;
  return all;
}

onEnd(() => {
  pending.value = 0;
});

// It is no harm if that fails: the place itself tells.
const look = () => {
  if (state.value === "in" && document.visibilityState === "visible") {
    readInvitations().catch(() => {});
  }
};
effect(() => {
  if (state.value === "in") {
    look();
  }
});
document.addEventListener("visibilitychange", look);
setInterval(look, 60_000);
