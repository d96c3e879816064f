// Texts and their bytes. What is read as text can be written back as the same bytes, or it is not edited.

/** How a text is written. */
export type Format = {
  encoding: "utf-8" | "utf-16le" | "utf-16be" | "windows-1252";
  bom: boolean;
  /** The line ending; "mixed" keeps each as it is. */
  ending: "\n" | "\r\n" | "\r" | "mixed";
};

export const newFormat: Format = { encoding: "utf-8", bom: false, ending: "\n" };

const boms: readonly [Format["encoding"], readonly number[]][] = [
  ["utf-8", [0xef, 0xbb, 0xbf]],
  ["utf-16le", [0xff, 0xfe]],
  ["utf-16be", [0xfe, 0xff]],
];

/** A text that comes in pieces. */
export class Reader {
  readonly encoding: Format["encoding"];
  readonly bom: boolean;
  /** The bytes are no text, by the first of them. */
  readonly binary: boolean;
  /** Bytes that the encoding does not have were replaced. */
  damaged = false;
  private readonly strict: TextDecoder;
  private readonly lenient: TextDecoder;
  private held = "";

  constructor(first: Uint8Array) {
    const bom = boms.find(([, mark]) => mark.every((b, i) => first[i] === b));
    this.bom = bom !== undefined;
    this.encoding = bom?.[0] ?? (isUTF8(first) ? "utf-8" : "windows-1252");
    this.strict = new TextDecoder(this.encoding, { fatal: true });
    this.lenient = new TextDecoder(this.encoding);
    this.binary = looksBinary(first, this.encoding);
  }

  /** The text of the next bytes. A line ending is not cut in two: half of one waits. */
  read(bytes: Uint8Array, last: boolean): string {
    if (!this.damaged) {
      try {
        this.strict.decode(bytes, { stream: !last });
      } catch {
        this.damaged = true;
      }
    }
    let text = this.held + this.lenient.decode(bytes, { stream: !last });
    this.held = "";
    if (!last && text.endsWith("\r")) {
      text = text.slice(0, -1);
      this.held = "\r";
    }
    return text;
  }
}

function isUTF8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true }); // may end inside a character
    return true;
  } catch {
    return false;
  }
}

// looksBinary: texts have no NUL, and hardly any other control characters.
function looksBinary(bytes: Uint8Array, encoding: Format["encoding"]): boolean {
  if (encoding.startsWith("utf-16")) {
    return false;
  }
  const some = bytes.subarray(0, 32 << 10);
  let odd = 0;
  for (const b of some) {
    if (b === 0) {
      return true;
    }
    if (b < 32 && !(b >= 7 && b <= 13) && b !== 27) {
      odd++;
    }
  }
  return odd > some.length / 50;
}

function endingOf(text: string): Format["ending"] {
  const found = new Set(text.match(/\r\n|\r|\n/g));
  return found.size === 0 ? "\n" : found.size > 1 ? "mixed" : ([...found][0] as Format["ending"]);
}

/** The text of a whole file, with \n between lines unless they are mixed; undefined if its bytes could not be written back. */
export function decode(bytes: Uint8Array): { text: string; format: Format } | undefined {
  const reader = new Reader(bytes);
  if (reader.binary) {
    return undefined;
  }
  const raw = reader.read(bytes, true);
  const format: Format = { encoding: reader.encoding, bom: reader.bom, ending: endingOf(raw) };
  const text = format.ending === "mixed" ? raw : raw.replaceAll(format.ending, "\n");
  const back = encode(text, format);
  return back && same(back, bytes) ? { text, format } : undefined;
}

/** The bytes of a text; undefined if the encoding lacks one of its characters. */
export function encode(text: string, format: Format): Uint8Array<ArrayBuffer> | undefined {
  const whole = format.ending === "mixed" || format.ending === "\n" ? text : text.replaceAll("\n", format.ending);
  const mark = format.bom ? (boms.find(([e]) => e === format.encoding)?.[1] ?? []) : [];
  switch (format.encoding) {
    case "utf-8": {
      const body = new TextEncoder().encode(whole);
      const all = new Uint8Array(mark.length + body.length);
      all.set(mark);
      all.set(body, mark.length);
      return all;
    }
    case "windows-1252": {
      const all = new Uint8Array(whole.length);
      for (let i = 0; i < whole.length; i++) {
        const b = westernBytes().get(whole[i]!);
        if (b === undefined) {
          return undefined;
        }
        all[i] = b;
      }
      return all;
    }
    default: {
      const all = new DataView(new ArrayBuffer(mark.length + whole.length * 2));
      mark.forEach((b, i) => all.setUint8(i, b));
      for (let i = 0; i < whole.length; i++) {
        all.setUint16(mark.length + i * 2, whole.charCodeAt(i), format.encoding === "utf-16le");
      }
      return new Uint8Array(all.buffer);
    }
  }
}

let western: Map<string, number> | undefined;

// westernBytes is the table of Windows-1252, from the browser's own decoder.
function westernBytes(): Map<string, number> {
  western ??= new Map([...new TextDecoder("windows-1252").decode(Uint8Array.from({ length: 256 }, (_, i) => i))].map((c, i) => [c, i]));
  return western;
}

export const same = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((v, i) => v === b[i]);
