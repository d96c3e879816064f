// What a person chose or dropped, as a list of files: those of whole directories too.

/** A file and its name below the place that it goes to, with the directories that it came with. */
export type Found = { path: string; file: File };

/** What was chosen. dirs are all directories, empty ones too, parents first. */
export type Collected = {
  files: Found[];
  dirs: string[];
  /** Names of files and directories that the browser could not read. */
  unread: string[];
  /** What can be read again after a reload, where the browser has that. */
  handles: FileSystemHandle[];
};

/** The files of a file chooser. */
export function fromInput(input: HTMLInputElement): Collected {
  const files = [...(input.files ?? [])].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
  return { files, dirs: parentsOf(files.map((f) => f.path)), unread: [], handles: [] };
}

function parentsOf(paths: readonly string[]): string[] {
  const dirs = new Set<string>();
  for (const path of paths) {
    for (let at = path.lastIndexOf("/"); at > 0 && !dirs.has(path.slice(0, at)); at = path.lastIndexOf("/", at - 1)) {
      dirs.add(path.slice(0, at));
    }
  }
  return [...dirs].sort();
}

type Handled = DataTransferItem & { getAsFileSystemHandle?: () => Promise<FileSystemHandle | null> };

/**
 * What was dropped. The list of a drop is empty as soon as its event is over, so this must be called in its handler; the
 * directories are read after that, count is told how many files were found so far.
 */
export function fromDrop(dropped: DataTransfer, count: (n: number) => void = () => {}): Promise<Collected> {
  const entries: FileSystemEntry[] = [];
  const plain: File[] = [];
  const handles: Promise<FileSystemHandle | null>[] = [];
  for (const item of dropped.items) {
    if (item.kind !== "file") {
      continue;
    }
    const entry = item.webkitGetAsEntry();
    const file = entry ? null : item.getAsFile();
    if (entry) {
      entries.push(entry);
    } else if (file) {
      plain.push(file);
    }
    const handle = (item as Handled).getAsFileSystemHandle?.();
    if (handle) {
      handles.push(handle);
    }
  }
  const walk = new Walk(count);
  return walk.entries(entries, plain).then(async (all) => {
    const found = await Promise.allSettled(handles);
    all.handles = found.flatMap((h) => (h.status === "fulfilled" && h.value ? [h.value] : []));
    return all;
  });
}

/** What kept handles stand for now. The person has allowed to read them. */
export function fromHandles(handles: readonly FileSystemHandle[]): Promise<Collected> {
  return new Walk(() => {}).handles(handles);
}

// At most this many files of a directory are asked for at a time.
const together = 64;

class Walk {
  private readonly all: Collected = { files: [], dirs: [], unread: [], handles: [] };

  constructor(private readonly count: (n: number) => void) {}

  async entries(entries: readonly FileSystemEntry[], plain: readonly File[]): Promise<Collected> {
    for (const file of plain) {
      this.all.files.push({ path: file.name, file });
    }
    // Not recursive: directories may be nested deeply.
    const todo = entries.map((entry) => ({ entry, path: entry.name }));
    for (let next = todo.shift(); next; next = todo.shift()) {
      const { entry, path } = next;
      if (entry.isFile) {
        await this.file(path, () => fileOf(entry as FileSystemFileEntry));
        continue;
      }
      this.all.dirs.push(path);
      const reader = (entry as FileSystemDirectoryEntry).createReader();
      try {
        for (let some = await read(reader); some.length > 0; some = await read(reader)) {
          for (let i = 0; i < some.length; i += together) {
            await Promise.all(some.slice(i, i + together).map((e) => {
              if (e.isFile) {
                return this.file(`${path}/${e.name}`, () => fileOf(e as FileSystemFileEntry));
              }
              todo.push({ entry: e, path: `${path}/${e.name}` });
              return undefined;
            }));
          }
        }
      } catch {
        this.all.unread.push(path);
      }
    }
    return this.end();
  }

  async handles(handles: readonly FileSystemHandle[]): Promise<Collected> {
    const todo = handles.map((handle) => ({ handle, path: handle.name }));
    for (let next = todo.shift(); next; next = todo.shift()) {
      const { handle, path } = next;
      if (handle.kind === "file") {
        await this.file(path, () => (handle as FileSystemFileHandle).getFile());
        continue;
      }
      this.all.dirs.push(path);
      try {
        for await (const [name, member] of (handle as FileSystemDirectoryHandle & { entries(): AsyncIterable<[string, FileSystemHandle]> }).entries()) {
          todo.push({ handle: member, path: `${path}/${name}` });
        }
      } catch {
        this.all.unread.push(path);
      }
    }
    this.all.handles = [...handles];
    return this.end();
  }

  private async file(path: string, get: () => Promise<File>): Promise<void> {
    try {
      this.all.files.push({ path, file: await get() });
      this.count(this.all.files.length);
    } catch {
      this.all.unread.push(path);
    }
  }

  private end(): Collected {
    this.all.dirs.sort();
    return this.all;
  }
}

const fileOf = (entry: FileSystemFileEntry) => new Promise<File>((done, failed) => entry.file(done, failed));
const read = (reader: FileSystemDirectoryReader) => new Promise<FileSystemEntry[]>((done, failed) => reader.readEntries(done, failed));

/** The first steps of names, once each: what a person sees in the place that it goes to. */
export const topOf = (paths: readonly string[]): string[] => [...new Set(paths.map((p) => p.split("/", 1)[0]!))];
