export type Sample = { name: string; labels: { [name: string]: string }; value: number };
export type Counts = { [key: string]: number };
export type Snapshot = {
  at: number;
  doors: Counts;
  classes: Counts;
  statuses: Counts;
  received: number;
  sent: number;
  buckets: Counts;
  stored: number | null;
  running: number;
  unfinished: number;
  memory: number | null;
};
export type Moment = {
  at: number;
  gap?: undefined;
  seconds: number;
  /** Requests a second. */
  doors: Counts;
  classes: Counts;
  /** Bytes a second. */
  received: number;
  sent: number;
  /** Seconds; null if nothing was asked. */
  p50: number | null;
  p95: number | null;
  stored: number | null;
  running: number;
  unfinished: number;
  memory: number | null;
  /** Of this time: all requests, those that the server failed at, those that a limit refused (507), those refused else. */
  requests: number;
  failed: number;
  full: number;
  refused: number;
};
export type Point = Moment | { at: number; gap: true };
export type History = { last: Snapshot | undefined; points: readonly Point[] };

export function parse(text: string): Sample[];
export function snapshot(text: string, at: number): Snapshot;
export function rise(before: number, after: number): number;
export function quantile(buckets: Counts, q: number): number | null;
export function between(before: Snapshot, after: Snapshot): Moment;
export const keep: number;
export const gap: number;
export const close: number;
export function extend(history: History, next: Snapshot): History;
