/** Whether the load was the load that was asked for, and what the script's own thresholds say. */
import type { CheckResult, LoadSummary } from "../types.ts";
import { count, percent } from "./words.ts";

/** More starts dropped than this (ratio of the offered), and the offered load was not what the system got. */
export const DROPPED_AT_MOST = 0.01;
/** More starts later than 10 ms than this (ratio of the started), and the arrival times were not the planned ones. */
export const LATE_AT_MOST = 0.05;

/** Reasons for which the load proves nothing; empty when it was as asked. */
export function loadDoubts(load: LoadSummary | null): readonly string[] {
  if (load === null) return ["The load runner left no summary."];
  if (load.offered === 0) return ["The load runner offered no request."];
  const doubts: string[] = [];
  const short = load.offered - load.started;
  if (short / load.offered > DROPPED_AT_MOST) {
    doubts.push(
      `The load fell short: ${count(short)} of ${count(load.offered)} offered starts (${percent(short / load.offered)}) never happened, at most ${percent(DROPPED_AT_MOST)} may.`,
    );
  }
  if (load.started > 0 && load.late / load.started > LATE_AT_MOST) {
    doubts.push(
      `The load came late: ${count(load.late)} of ${count(load.started)} starts (${percent(load.late / load.started)}) were more than 10 ms behind, at most ${percent(LATE_AT_MOST)} may be.`,
    );
  }
  return doubts;
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
        : `${metric} ${expression} is ${ok ? "true" : "false"}${value === null ? "" : ` with ${count(value)}`}.`,
  }));
}
