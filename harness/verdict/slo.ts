/** SLOs: a ratio of good requests, or a percentile of their latency, during a phase. */
import type { AvailabilitySlo, CheckResult, Duration, LatencySlo, Slo } from "../types.ts";
import { type RequestSummary, summarise } from "./requests.ts";
import type { Samples } from "./samples.ts";
import { percentile } from "./statistics.ts";
import type { PhaseWindows } from "./windows.ts";
import { count, counted, durationMs, milliseconds, percent, phaseName } from "./words.ts";

/** What an arm's SLO may be compared with. */
export interface Control {
  readonly samples: Samples | null;
  readonly windows: PhaseWindows;
}

/** Judges one SLO; missing data is `inconclusive`, never an exception. */
export function judgeSlo(
  slo: Slo,
  samples: Samples | null,
  windows: PhaseWindows,
  control: Control | null = null,
): CheckResult {
  const unmeasured = (because: string, sampleCount = 0): CheckResult => ({
    name: slo.name,
    verdict: "inconclusive",
    value: null,
    unit: slo.kind === "availability" ? "ratio" : "ms",
    objective: objectiveOf(slo),
    sampleCount,
    because,
  });
  if (samples === null) {
    return unmeasured(slo.over === "load" ? "No request was recorded." : `Probe ${slo.over} recorded no samples.`);
  }
  const window = windows[slo.during];
  if (window === null) return unmeasured(`The arm never reached ${phaseName(slo.during)}.`);
  const summary = summarise(samples.columns, window, slo.named);
  if (summary.samples < slo.minSamples) {
    const found = counted(summary.samples, "sample");
    const of = slo.named === undefined ? "" : ` of ${slo.named}`;
    return unmeasured(
      `Only ${found}${of} in ${phaseName(slo.during)}, at least ${count(slo.minSamples)} are needed.`,
      summary.samples,
    );
  }
  if (slo.kind === "availability") return availability(slo, summary, samples.one);
  const limit = limitOf(slo, control);
  if (limit === null) {
    return unmeasured("There is no control with enough samples to compare with.", summary.samples);
  }
  return latency(slo, summary, samples.one, limit);
}

/** A limit in ms with the words for it; null: the control has too few samples, or there is none. */
function limitOf(
  slo: LatencySlo<string>,
  control: Control | null,
): { readonly ms: number; readonly words: string } | null {
  const factor = timesControl(slo);
  if (factor === null) {
    const ms = durationMs(slo.atMost as Duration);
    return { ms, words: milliseconds(ms) };
  }
  const window = control?.windows[slo.during] ?? null;
  if (control?.samples == null || window === null) return null;
  const summary = summarise(control.samples.columns, window, slo.named);
  const base = percentile(summary.latencies, slo.percentile);
  if (summary.samples < slo.minSamples || !Number.isFinite(base)) return null;
  return {
    ms: factor * base,
    words: `${milliseconds(factor * base)}, ${factor} times the control's ${milliseconds(base)}`,
  };
}

function timesControl({ atMost }: LatencySlo<string>): number | null {
  const match = /^(\d+(?:\.\d+)?)x control$/.exec(atMost);
  return match === null ? null : Number(match[1]);
}

/** "at least 99.9 %", "p99 at most 500 ms", with the phase. */
function objectiveOf(slo: Slo): string {
  const goal =
    slo.kind === "availability"
      ? `at least ${percent(slo.atLeast)} good`
      : `p${slo.percentile} at most ${latencyGoal(slo)}`;
  return `${goal} in ${phaseName(slo.during)}`;
}

function latencyGoal(slo: LatencySlo<string>): string {
  const factor = timesControl(slo);
  return factor === null ? milliseconds(durationMs(slo.atMost as Duration)) : `${factor} times the control's`;
}

function availability(slo: AvailabilitySlo<string>, summary: RequestSummary, one: string): CheckResult {
  const value = summary.good / summary.samples;
  const kinds = summary.kinds.map(({ kind, count: times }) => `${count(times)} × ${kind}`).join(", ");
  const failed =
    summary.bad === 0
      ? `None of ${these(slo, summary, one)} failed`
      : `${count(summary.bad)} of ${these(slo, summary, one)} failed (${kinds})`;
  return {
    name: slo.name,
    verdict: value >= slo.atLeast ? "held" : "violated",
    value,
    unit: "ratio",
    objective: objectiveOf(slo),
    sampleCount: summary.samples,
    because: `${failed} in ${phaseName(slo.during)}: ${percent(value)} good, wanted at least ${percent(slo.atLeast)}.${interruptedNote(summary)}`,
  };
}

function latency(
  slo: LatencySlo<string>,
  summary: RequestSummary,
  one: string,
  limit: { readonly ms: number; readonly words: string },
): CheckResult {
  const value = percentile(summary.latencies, slo.percentile);
  const where = `p${slo.percentile} of ${these(slo, summary, one)} in ${phaseName(slo.during)}`;
  // JSON has no infinity: a percentile that lies on a dropped start has no value, and breaks every limit.
  const measured = Number.isFinite(value)
    ? `${where} was ${milliseconds(value)}`
    : `${where} falls on a start that was dropped`;
  return {
    name: slo.name,
    verdict: value <= limit.ms ? "held" : "violated",
    value: Number.isFinite(value) ? value : null,
    unit: "ms",
    objective: objectiveOf(slo),
    sampleCount: summary.samples,
    because: `${measured}, wanted at most ${limit.words}.${interruptedNote(summary)}`,
  };
}

/** "9,000 requests", "9,000 requests of checkout". */
function these({ named }: Slo, { samples }: RequestSummary, one: string): string {
  return `${counted(samples, one)}${named === undefined ? "" : ` of ${named}`}`;
}

function interruptedNote(summary: RequestSummary): string {
  if (summary.interrupted === 0) return "";
  const one = summary.interrupted === 1;
  return ` ${count(summary.interrupted)} more ${one ? "was" : "were"} cut off by the end and ${one ? "is" : "are"} not counted.`;
}
