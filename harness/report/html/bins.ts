/** A million requests as a few hundred bins: what a chart of a thousand pixels can show. */
import type { RequestColumns } from "../../types.ts";
import { failureKind, latencyMs, outcomeOf } from "../../verdict/requests.ts";
import { percentile } from "../../verdict/statistics.ts";
import { type Window, within } from "../../verdict/windows.ts";

/** Families of failures, each with a colour of its own. */
export const FAMILIES = ["answered", "timeout", "connection", "dropped"] as const;
export type Family = (typeof FAMILIES)[number];
export const FAMILY_LABELS: Readonly<Record<Family, string>> = {
  answered: "answered with an error",
  timeout: "timed out",
  connection: "connection failed",
  dropped: "start dropped",
};

export interface Bins {
  readonly fromMs: number;
  /** The window's end: the last bin may be cut short. */
  readonly toMs: number;
  readonly widthMs: number;
  readonly count: number;
  /** By intended start. */
  readonly good: Float64Array;
  readonly failed: Readonly<Record<Family, Float64Array>>;
  /** Of the good requests, ms; NaN where a bin has none. */
  readonly p50: Float64Array;
  readonly p99: Float64Array;
}
export interface Failure {
  /** Intended start. */
  readonly t: number;
  readonly latencyMs: number;
  readonly family: Family;
}

/** ms; the narrowest that gives at most `MOST_BINS`. */
const BIN_WIDTHS_MS = [100, 250, 500, 1_000, 2_000, 5_000, 10_000, 30_000];
const MOST_BINS = 360;

export function binRequests(requests: RequestColumns, window: Window): Bins {
  const spanMs = window.endMs - window.beginMs;
  const widthMs = BIN_WIDTHS_MS.find((width) => spanMs / width <= MOST_BINS) ?? Math.ceil(spanMs / MOST_BINS);
  const count = Math.max(1, Math.ceil(spanMs / widthMs));
  const good = new Float64Array(count);
  const failed = Object.fromEntries(FAMILIES.map((family) => [family, new Float64Array(count)])) as Record<
    Family,
    Float64Array
  >;
  const latencies: number[][] = Array.from({ length: count }, () => []);
  for (let row = 0; row < requests.length; row++) {
    const at = requests.intendedMs[row] ?? 0;
    if (!within(window, at)) continue;
    const bin = Math.floor((at - window.beginMs) / widthMs);
    const outcome = outcomeOf(requests, row);
    if (outcome === "interrupted") continue;
    if (outcome === "good") {
      good[bin] = (good[bin] ?? 0) + 1;
      latencies[bin]?.push(latencyMs(requests, row));
    } else {
      const counts = failed[familyOf(failureKind(requests, row))];
      counts[bin] = (counts[bin] ?? 0) + 1;
    }
  }
  const sorted = latencies.map((values) => Float64Array.from(values).sort());
  return {
    fromMs: window.beginMs,
    toMs: window.endMs,
    widthMs,
    count,
    good,
    failed,
    p50: Float64Array.from(sorted, (values) => percentile(values, 50)),
    p99: Float64Array.from(sorted, (values) => percentile(values, 99)),
  };
}

/** Every failed request of the window; the chart decides how many of them can be told apart. */
export function failuresOf(requests: RequestColumns, window: Window): readonly Failure[] {
  const failures: Failure[] = [];
  for (let row = 0; row < requests.length; row++) {
    const t = requests.intendedMs[row] ?? 0;
    if (!within(window, t)) continue;
    const outcome = outcomeOf(requests, row);
    if (outcome !== "failed" && outcome !== "dropped") continue;
    failures.push({ t, latencyMs: latencyMs(requests, row), family: familyOf(failureKind(requests, row)) });
  }
  return failures;
}

function familyOf(kind: string): Family {
  if (kind === "timeout" || kind === "dropped") return kind;
  return kind.startsWith("HTTP ") && kind !== "HTTP 0" ? "answered" : "connection";
}
