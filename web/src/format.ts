// How numbers, times and names are written.
import { language, locale } from "./text.ts";

const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
const short = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
const whole = new Intl.NumberFormat(locale);

/** Bytes with a binary unit: 1536 is "1.5 KiB". */
export function bytes(n: number): string {
  let unit = 0;
  while (Math.abs(n) >= 1024 && unit < units.length - 1) {
    n /= 1024;
    unit++;
  }
  // 1023.96 KiB would be written as 1,024 KiB.
  if (Math.round(Math.abs(n) * 10) >= 10240 && unit < units.length - 1) {
    n /= 1024;
    unit++;
  }
  return `${short.format(n)} ${units[unit]}`;
}

/**
 * The bytes that a person writes as "10 GiB", "1.5g", "200 MB" or "4096": letters are powers of 1024, with or
 * without "iB" or "B". Undefined if that makes no sense.
 */
export function parseBytes(text: string): number | undefined {
  const found = /^\s*(\d+(?:[.,]\d+)?)\s*([kmgtpe]?)(?:i?b)?\s*$/i.exec(text);
  if (!found) {
    return undefined;
  }
  const n = Number(found[1]!.replace(",", ".")) * 1024 ** ["", "k", "m", "g", "t", "p", "e"].indexOf(found[2]!.toLowerCase());
  return Number.isSafeInteger(Math.round(n)) ? Math.round(n) : undefined;
}

/** Bytes so that parseBytes gives the same number again. */
export function exactBytes(n: number): string {
  for (const [unit, power] of [["TiB", 4], ["GiB", 3], ["MiB", 2], ["KiB", 1]] as const) {
    const in_ = n / 1024 ** power;
    if (in_ >= 1 && Number.isInteger(in_ * 8)) {
      return `${in_} ${unit}`;
    }
  }
  return `${n} B`;
}

/** A whole number, as the language writes it. */
export const count = (n: number): string => whole.format(n);

const digits = [2, 1, 0].map((n) => new Intl.NumberFormat(locale, { maximumFractionDigits: n }));

/** A measured number, no finer than one reads it: 0.33, 4.6 and 46 and 460. */
export const rough = (n: number): string => digits[Math.abs(n) < 1 ? 0 : Math.abs(n) < 100 ? 1 : 2]!.format(n);

/** A part of a whole, in percent. */
export const percent = (part: number): string => `${Math.floor(part * 100)} %`;

const dateTime = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
const dateTimeLong = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "long" });

/** A time as the APIs have it: ISO 8601, milliseconds since 1970, or none. */
export type Moment = string | number | null | undefined;

export const date = (m: Moment): string => (m == null || m === "" ? "" : dateTime.format(new Date(m)));
export const dateLong = (m: Moment): string => (m == null || m === "" ? "" : dateTimeLong.format(new Date(m)));

const relative = new Intl.RelativeTimeFormat(locale);
const relativeNow = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });

/** How long ago, or in how long: "3 minutes ago", "in 2 days"; in numbers, for 30 hours ago need not have been yesterday. */
export function ago(m: Moment, now = Date.now()): string {
  if (m == null || m === "") {
    return "";
  }
  const seconds = (new Date(m).getTime() - now) / 1000;
  for (const [unit, size] of [["year", 31557600], ["month", 2629800], ["day", 86400], ["hour", 3600], ["minute", 60]] as const) {
    // What ends in a year less some seconds, or after 365 days, ends in a year, not in 11 months.
    const n = Math.trunc(seconds / size + (seconds > 0 ? 0.02 : 0));
    if (n !== 0) {
      return relative.format(n, unit);
    }
  }
  const n = Math.trunc(seconds);
  return (n === 0 ? relativeNow : relative).format(n, "second");
}

/** A duration in seconds, short: "1:05", "2:00:00". */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  const two = (n: number) => String(n).padStart(2, "0");
  const h = Math.floor(s / 3600);
  const m = Math.floor(s / 60) % 60;
  return h > 0 ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`;
}

/** Compares names as people sort them: "a2" before "a10", without regard to letter case. */
export const byName = new Intl.Collator(language, { numeric: true, sensitivity: "base" }).compare;

// Characters that are not seen, or that turn what is around them: control characters, line and paragraph
// separators, directional marks, embeddings and isolates, and characters without width, but where they
// make one picture of several (emoji).
const hidden = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0e\ufeff\ufff9-\ufffb]|(?<![\p{Extended_Pictographic}\d#*])\ufe0f|(?<![\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f])\u200d|\u200d(?!\p{Extended_Pictographic})|[\u{e0000}-\u{e007f}]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/u;
const hiddenAll = new RegExp(`(${hidden.source})`, "u");

/** The parts of a text that somebody else wrote; code is set where a character must be shown by its number (D35). */
export function parts(text: string): { text: string; code: boolean }[] {
  return text
    .split(hiddenAll)
    .filter((p) => p !== "")
    .map((p) => (hidden.test(p) ? { text: `U+${p.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}`, code: true } : { text: p, code: false }));
}

/** The beginning of a text that may be of any length, for places that have no room for it. */
export function cut(text: string, most: number): string {
  const signs = text.length > most ? [...text.slice(0, 2 * most)] : [];
  return signs.length > most ? signs.slice(0, most).join("").trimEnd() + " …" : text;
}

/** What parts gives as one string, for places that take no elements: titles of the window, labels, messages. */
export const visible = (text: string): string =>
  parts(text)
    .map((p) => (p.code ? `⟨${p.text}⟩` : p.text))
    .join("");
