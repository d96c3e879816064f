// What /metrics tells, over time. It is plain JavaScript, so that its test runs it as it is; metrics.d.mts has the types.

/** Reads the text format of Prometheus. Lines that are not in it are passed over. */
export function parse(text) {
  const all = [];
  for (const line of text.split("\n")) {
    const found = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?\s*$/.exec(line);
    if (!found) {
      continue; // a comment, or nothing
    }
    const value = number(found[3]);
    if (value === undefined) {
      continue;
    }
    const labels = {};
    for (const [, name, text] of (found[2] ?? "").matchAll(/([a-zA-Z_]\w*)\s*=\s*"((?:[^"\\]|\\.)*)"/g)) {
      labels[name] = text.replace(/\\(.)/g, (_, c) => (c === "n" ? "\n" : c));
    }
    all.push({ name: found[1], labels, value });
  }
  return all;
}

function number(text) {
  if (text === "+Inf" || text === "Inf") return Infinity;
  if (text === "-Inf") return -Infinity;
  const n = Number(text);
  return Number.isNaN(n) ? undefined : n;
}

/** The counters and gauges of one moment, as far as the charts need them. at is in seconds. */
export function snapshot(text, at) {
  const s = { at, doors: {}, classes: {}, statuses: {}, received: 0, sent: 0, buckets: {}, stored: null, running: 0, unfinished: 0, memory: null };
  const add = (to, key, n) => { to[key] = (to[key] ?? 0) + n; };
  for (const { name, labels, value } of parse(text)) {
    switch (name) {
      case "davit_door_requests_total":
        add(s.doors, labels.door ?? "", value);
        add(s.classes, labels.class ?? "", value);
        break;
      case "davit_requests_total":
        add(s.statuses, labels.status ?? "", value);
        break;
      case "davit_request_duration_seconds_bucket":
        add(s.buckets, labels.le ?? "", value);
        break;
      case "davit_received_bytes_total":
        s.received = value;
        break;
      case "davit_sent_bytes_total":
        s.sent = value;
        break;
      case "davit_stored_bytes":
        s.stored = value;
        break;
      case "davit_uploads_running":
        s.running = value;
        break;
      case "davit_uploads_unfinished":
        s.unfinished = value;
        break;
      case "process_resident_memory_bytes":
        s.memory = value;
        break;
    }
  }
  return s;
}

/** How much a counter rose. One that fell began anew at 0, with a start of the server. */
export const rise = (before, after) => (after >= before ? after - before : after);

const rises = (before, after) =>
  Object.fromEntries(Object.keys(after).map((key) => [key, rise(before[key] ?? 0, after[key])]));

/**
 * The value below which the part q of all durations is, from the cumulative counts of a histogram by upper bound: within
 * a bucket they are taken to be spread evenly. null if there were none.
 */
export function quantile(buckets, q) {
  const bounds = Object.entries(buckets).map(([le, n]) => [number(le) ?? Infinity, n]).sort((a, b) => a[0] - b[0]);
  const all = bounds.at(-1)?.[1] ?? 0;
  if (all <= 0) return null;
  let below = 0;
  let from = 0;
  for (const [to, n] of bounds) {
    if (n >= q * all) {
      if (to === Infinity) return from;
      return n === below ? to : from + ((to - from) * (q * all - below)) / (n - below);
    }
    below = n;
    from = to;
  }
  return from;
}

/** What happened between two snapshots: rates a second, and counts. */
export function between(before, after) {
  const seconds = after.at - before.at;
  const per = (rises) => Object.fromEntries(Object.entries(rises).map(([key, n]) => [key, n / seconds]));
  const statuses = rises(before.statuses, after.statuses);
  const classes = rises(before.classes, after.classes);
  const buckets = rises(before.buckets, after.buckets);
  let failed = 0;
  for (const [status, n] of Object.entries(statuses)) {
    if (status.startsWith("5") && status !== "507") failed += n;
  }
  return {
    at: after.at, seconds, doors: per(rises(before.doors, after.doors)), classes: per(classes),
    received: rise(before.received, after.received) / seconds, sent: rise(before.sent, after.sent) / seconds,
    p50: quantile(buckets, 0.5), p95: quantile(buckets, 0.95),
    stored: after.stored, running: after.running, unfinished: after.unfinished, memory: after.memory,
    requests: Object.values(statuses).reduce((a, b) => a + b, 0), failed, full: statuses["507"] ?? 0,
    refused: Object.entries(statuses).reduce((sum, [status, n]) => (status.startsWith("4") ? sum + n : sum), 0),
  };
}

/** How long points are kept, in seconds. */
export const keep = 15 * 60;
/** Beyond this nobody was looking: the line has a gap, not an average. */
export const gap = 30;

/** Snapshots that are closer, in seconds, say little about a rate. */
export const close = 1;

/** points of the last 15 minutes, oldest first, after one more snapshot; one says gap where there is one. */
export function extend(history, next) {
  const { last, points } = history;
  if (last && next.at < last.at + close) {
    return history;
  }
  const kept = points.filter((p) => p.at > next.at - keep);
  if (last) {
    kept.push(next.at - last.at > gap ? { at: next.at, gap: true } : between(last, next));
  }
  return { last: next, points: kept };
}
