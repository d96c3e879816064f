// Tabs of the same browser tell each other what they are uploading, so that none offers to go on with what another
// one is doing.
import { signal } from "@preact/signals";

type Message = { ask: true } | { from: string; batches: string[] };

const self = `${Date.now()}-${Math.random()}`;
const channel = new BroadcastChannel("davit-uploads");
const others = new Map<string, string[]>();
let own: string[] = [];

/** What other tabs are uploading. */
export const elsewhere = signal<ReadonlySet<string>>(new Set());

channel.onmessage = (e: MessageEvent<Message>) => {
  if ("ask" in e.data) {
    tell();
    return;
  }
  others.set(e.data.from, e.data.batches);
  const now = new Set([...others.values()].flat());
  if (now.size !== elsewhere.peek().size || [...now].some((id) => !elsewhere.peek().has(id))) { // who reads it asks again
    elsewhere.value = now;
  }
};

const tell = (): void => channel.postMessage({ from: self, batches: own } satisfies Message);

/** Tells the other tabs what this one is uploading. */
export function announceRunning(batches: string[]): void {
  own = batches;
  tell();
}

/** Asks the other tabs; their answers are there when it is done. Later ones change elsewhere. */
export async function askTabs(): Promise<void> {
  channel.postMessage({ ask: true } satisfies Message);
  await new Promise((done) => setTimeout(done, 200));
}

addEventListener("pagehide", () => channel.postMessage({ from: self, batches: [] } satisfies Message));
