// What the browser remembers of uploads that are not finished, so that they can go on after a reload, in IndexedDB: which
// files belong together, which of them have arrived, and where the server keeps the parts of large ones. It is an
// aid: where the browser has no such memory, uploads work without it, and the server still tells of its parts.

/** Files that were added together. */
export type Kept = {
  id: string;
  /** ID of who uploads: nobody else is told of it. */
  user: string;
  folder: string;
  folderName: string;
  path: string;
  /** A whole directory was chosen. */
  directory: boolean;
  /** What it is called: the name of a file or directory. */
  name: string;
  started: number;
  /** [path, bytes, modified in seconds] */
  files: [string, number, number][];
  handles: FileSystemHandle[];
};

/** A large file's upload on the server. */
export type KeptURL = { url: string; batch: string; file: number };

const stores = { batches: { keyPath: "id" }, done: {}, urls: { keyPath: "url" } } as const;

let opened: Promise<IDBDatabase> | undefined;

function open(): Promise<IDBDatabase> {
  opened ??= new Promise((done, failed) => {
    const asked = indexedDB.open("davit-uploads", 1);
    asked.onupgradeneeded = () => {
      for (const [name, options] of Object.entries(stores)) {
        asked.result.createObjectStore(name, options);
      }
    };
    asked.onsuccess = () => done(asked.result);
    asked.onerror = () => failed(asked.error);
  });
  return opened;
}

async function write(change: (of: (store: keyof typeof stores) => IDBObjectStore) => void): Promise<void> {
  try {
    const db = await open();
    await new Promise<void>((done, failed) => {
      const tx = db.transaction(Object.keys(stores), "readwrite");
      change((name) => tx.objectStore(name));
      tx.oncomplete = () => done();
      tx.onabort = () => failed(tx.error);
    });
  } catch {
    // private windows of some browsers have no memory, and a full disk none any more
  }
}

const all = <T>(asked: IDBRequest<T>) => new Promise<T>((done, failed) => {
  asked.onsuccess = () => done(asked.result);
  asked.onerror = () => failed(asked.error);
});

/** Remembers files that are about to be uploaded. */
export async function keep(batch: Kept): Promise<void> {
  await write((of) => of("batches").put(batch));
}

const whole = (batch: string) => IDBKeyRange.bound([batch], [batch, []]);

const forgotten = new Set<string>();

/** Forgets files that were added together. */
export async function forget(batch: string): Promise<void> {
  forgotten.add(batch);
  pending = pending.filter(([of]) => of !== batch);
  await write((of) => {
    of("batches").delete(batch);
    of("done").delete(whole(batch));
    const walk = of("urls").openCursor();
    walk.onsuccess = () => {
      const at = walk.result;
      if (at) {
        if ((at.value as KeptURL).batch === batch) {
          at.delete();
        }
        at.continue();
      }
    };
  });
}

/** Forgets all, as when somebody signs out: who comes next must not find it. */
export async function forgetAll(): Promise<void> {
  pending = [];
  await write((of) => {
    for (const name of Object.keys(stores)) {
      of(name as keyof typeof stores).clear();
    }
  });
}

let pending: [string, number][] = [];
let timer: ReturnType<typeof setTimeout> | undefined;

/** Remembers that a file has arrived, or need not. Many are written at once. */
export function arrived(batch: string, file: number): void {
  pending.push([batch, file]);
  timer ??= setTimeout(() => void flush(), 250);
}

async function flush(): Promise<void> {
  timer = undefined;
  const some = pending;
  pending = [];
  if (some.length > 0) {
    await write((of) => some.forEach((key) => of("done").put(1, key)));
  }
}

addEventListener("pagehide", () => void flush());

/** Remembers where the server keeps what it has of a large file. */
export const keepURL = (kept: KeptURL): Promise<void> => write((of) => of("urls").put(kept));
export const forgetURL = (url: string): Promise<void> => write((of) => of("urls").delete(url));

/** What is remembered of a user: the batches, the numbers of their files that have arrived, and the large ones' URLs. */
export async function recall(user: string): Promise<{ batch: Kept; done: Set<number>; urls: KeptURL[] }[]> {
  await flush();
  try {
    const db = await open();
    const tx = db.transaction(Object.keys(stores), "readonly");
    const [batches, urls] = await Promise.all([
      all(tx.objectStore("batches").getAll() as IDBRequest<Kept[]>),
      all(tx.objectStore("urls").getAll() as IDBRequest<KeptURL[]>),
    ]);
    return await Promise.all(batches.filter((b) => b.user === user && !forgotten.has(b.id)).map(async (batch) => {
      const keys = (await all(db.transaction("done").objectStore("done").getAllKeys(whole(batch.id)))) as [string, number][];
      return { batch, done: new Set(keys.map((k) => k[1])), urls: urls.filter((u) => u.batch === batch.id) };
    }));
  } catch {
    return [];
  }
}
