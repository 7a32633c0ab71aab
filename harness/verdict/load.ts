/** Whether the load was the load that was asked for, and what the script's own thresholds say. */
import type { CheckResult, LoadSummary, RequestColumns } from "../types.ts";
import { outcomeOf } from "./requests.ts";
import { type Window, within } from "./windows.ts";
import { count, metricValue, percent } from "./words.ts";

/** More starts dropped than this (ratio of the offered), and the offered load was not what the system got. */
const DROPPED_AT_MOST = 0.01;
/**
 * More starts later than LATE_MS than this (ratio of the started), and the arrivals came in bursts that nobody asked
 * for. Smaller delays are in the latencies already, which count from the intended start.
 */
const LATE_AT_MOST = 0.1;
const LATE_MS = 100;

/**
 * Reasons for which the load proves nothing; empty when it was as asked. Judged over the run's window, so that starts
 * before the baseline, when everything is still cold, do not count.
 */
export function loadDoubts(
  load: LoadSummary | null,
  requests: RequestColumns | null,
  run: Window | null,
): readonly string[] {
  if (load === null) return ["The load runner left no summary."];
  if (load.offered === 0) return ["The load runner offered no request."];
  if (requests === null || run === null) return ["No request was recorded."];
  const doubts: string[] = [];
  const lost = load.offered - load.started - load.dropped;
  if (lost / load.offered > DROPPED_AT_MOST) {
    doubts.push(`The load runner lost track of ${count(lost)} of ${count(load.offered)} offered starts.`);
  }
  const { offered, dropped, late } = startsIn(requests, run);
  const started = offered - dropped;
  if (dropped / offered > DROPPED_AT_MOST) {
    doubts.push(
      `The load fell short: ${count(dropped)} of ${count(offered)} offered starts (${percent(dropped / offered)}) never happened, at most ${percent(DROPPED_AT_MOST)} may.`,
    );
  }
  if (late / started > LATE_AT_MOST) {
    doubts.push(
      `The load came late: ${count(late)} of ${count(started)} starts (${percent(late / started)}) were more than ${LATE_MS} ms behind, at most ${percent(LATE_AT_MOST)} may be.`,
    );
  }
  return doubts;
}

function startsIn(requests: RequestColumns, run: Window) {
  const starts = { offered: 0, dropped: 0, late: 0 };
  for (let row = 0; row < requests.length; row++) {
    const intended = requests.intendedMs[row] ?? 0;
    if (!within(run, intended)) continue;
    starts.offered++;
    if (outcomeOf(requests, row) === "dropped") starts.dropped++;
    else if ((requests.startMs[row] ?? 0) - intended > LATE_MS) starts.late++;
  }
  return starts;
}

/** The k6 script's thresholds as checks; one without samples is inconclusive, where k6 itself calls it passed. */
export function thresholdResults(load: LoadSummary | null): readonly CheckResult[] {
  return (load?.thresholds ?? []).map(({ metric, expression, ok, value }) => ({
    name: `k6 threshold: ${metric} ${expression}`,
    verdict: ok === null ? "inconclusive" : ok ? "held" : "violated",
    value,
    unit: "",
    objective: expression,
    sampleCount: load?.completed ?? 0,
    because:
      ok === null
        ? `The metric ${metric} has no samples.`
        : `${metric} ${expression} is ${ok ? "true" : "false"}${value === null ? "" : ` with ${metricValue(value)}`}.`,
  }));
}
