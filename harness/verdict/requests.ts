/** What became of each request, and the figures of many. */
import type { RequestColumns } from "../types.ts";
import { type Window, within } from "./windows.ts";

/**
 * good: any answer below 400 that came whole and in time. dropped: never started, because the load runner was out of
 * slots; as bad as failed. interrupted: cut off when the harness ended the load; neither good nor bad.
 */
export type Outcome = "good" | "failed" | "dropped" | "interrupted";

export function outcomeOf(requests: RequestColumns, row: number): Outcome {
  const error = errorOf(requests, row);
  if (error === "interrupted" || error === "dropped") return error;
  const status = requests.status[row] ?? 0;
  return error === "" && status >= 1 && status < 400 ? "good" : "failed";
}

/** Why a request was bad, for counting by kind: "HTTP 502", "timeout", "refused", "dropped". */
export function failureKind(requests: RequestColumns, row: number): string {
  const error = errorOf(requests, row);
  return error !== "" ? error : `HTTP ${requests.status[row] ?? 0}`;
}

/** From the intended start, so that a system that is slow to take requests cannot hide it. */
export function latencyMs(requests: RequestColumns, row: number): number {
  return (requests.endMs[row] ?? 0) - (requests.intendedMs[row] ?? 0);
}

export interface RequestSummary {
  /** good + failed + dropped; interrupted ones are no samples. */
  readonly samples: number;
  readonly good: number;
  /** Dropped ones included. */
  readonly bad: number;
  readonly dropped: number;
  readonly interrupted: number;
  /** Ascending ms, failures with their full duration, dropped ones infinite: they never got an answer. */
  readonly latencies: Float64Array;
  /** Bad requests by kind, most frequent first. */
  readonly kinds: readonly { readonly kind: string; readonly count: number }[];
  readonly badRun: BadRun | null;
}
/** The stretch of time in which it went wrong. */
export interface BadRun {
  /** Intended starts of the first and the last bad request. */
  readonly firstMs: number;
  readonly lastMs: number;
  /** The most bad requests one after the other, by intended start. */
  readonly longestCount: number;
  readonly longestMs: number;
}

/** The requests whose intended start lies in the window; with `named`, those of this name alone. */
export function summarise(requests: RequestColumns, window: Window, named?: string): RequestSummary {
  const kinds = new Map<string, number>();
  const rows = new Uint32Array(requests.length);
  const latencies = new Float64Array(requests.length);
  let samples = 0;
  let dropped = 0;
  let bad = 0;
  let interrupted = 0;
  for (let row = 0; row < requests.length; row++) {
    const at = requests.intendedMs[row] ?? 0;
    if (!within(window, at) || (named !== undefined && nameOf(requests, row) !== named)) continue;
    const outcome = outcomeOf(requests, row);
    if (outcome === "interrupted") {
      interrupted++;
      continue;
    }
    rows[samples] = row;
    latencies[samples++] = outcome === "dropped" ? Number.POSITIVE_INFINITY : latencyMs(requests, row);
    if (outcome === "good") continue;
    bad++;
    if (outcome === "dropped") dropped++;
    const kind = failureKind(requests, row);
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  return {
    samples,
    good: samples - bad,
    bad,
    dropped,
    interrupted,
    latencies: latencies.slice(0, samples).sort(),
    kinds: [...kinds].map(([kind, count]) => ({ kind, count })).sort((a, b) => b.count - a.count),
    badRun: bad === 0 ? null : badRunOf(requests, rows.slice(0, samples)),
  };
}

function badRunOf(requests: RequestColumns, rows: Uint32Array): BadRun {
  const intended = requests.intendedMs;
  rows.sort((a, b) => (intended[a] ?? 0) - (intended[b] ?? 0));
  let firstMs: number | null = null;
  let lastMs = 0;
  let longestCount = 0;
  let longestMs = 0;
  let length = 0;
  let startedAt = 0;
  for (const row of rows) {
    if (outcomeOf(requests, row) === "good") {
      length = 0;
      continue;
    }
    const at = intended[row] ?? 0;
    if (length === 0) startedAt = at;
    length++;
    firstMs ??= at;
    lastMs = at;
    if (length > longestCount) {
      longestCount = length;
      longestMs = at - startedAt;
    }
  }
  return { firstMs: firstMs ?? 0, lastMs, longestCount, longestMs };
}

function nameOf(requests: RequestColumns, row: number): string {
  return requests.name.values[requests.name.codes[row] ?? 0] ?? "";
}

function errorOf(requests: RequestColumns, row: number): string {
  return requests.error.values[requests.error.codes[row] ?? 0] ?? "";
}
