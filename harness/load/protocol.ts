/** What the harness and its load process say to each other. */
import type { LoadSummary } from "../types.ts";
import type { CompiledScript, ScriptProblem } from "./script/compile.ts";

export interface LoadConfig {
  readonly script: CompiledScript;
  readonly env: Readonly<Record<string, string>>;
  /** The append-only file of samples; null: only look at the script. */
  readonly samplesPath: string | null;
  readonly podHeader: string;
}

export type ToLoad =
  | { readonly type: "prepare"; readonly config: LoadConfig }
  /** When the schedule begins, nanoseconds of CLOCK_MONOTONIC. */
  | { readonly type: "start"; readonly atNs: string }
  /** No new iterations; those under way get up to `graceMs`, and no more than their scenario's gracefulStop. */
  | { readonly type: "stop"; readonly graceMs: number };

export type FromLoad =
  /** The script was read and set up; or cannot run. */
  | {
      readonly type: "prepared";
      readonly problems: readonly ScriptProblem[];
      readonly scenarios: readonly ScenarioInfo[];
    }
  | { readonly type: "progress"; readonly progress: LoadProgress }
  | { readonly type: "finished"; readonly outcome: LoadOutcome };

export interface ScenarioInfo {
  readonly name: string;
  readonly executor: string;
  readonly startMs: number;
  readonly durationMs: number;
  readonly gracefulStopMs: number;
  /** Iterations per second; null for an executor without a rate. */
  readonly ratePerSecond: number | null;
}

/** Counts since the start; latencies of the requests that ended since the last report. */
export interface LoadProgress {
  /** Seconds since the schedule began. */
  readonly seconds: number;
  /** Iterations due by the schedule, and what became of them. */
  readonly offered: number;
  readonly started: number;
  readonly completed: number;
  readonly dropped: number;
  readonly late: number;
  /** Virtual users in the middle of an iteration. */
  readonly active: number;
  readonly requests: number;
  /** Requests without an answer, or with one of 400 and more. */
  readonly failed: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  /** Requests that ended since the last report: answered below 400, and all others. */
  readonly windowGood: number;
  readonly windowBad: number;
  /** What the last one of the others met: "status 502", "refused: connect ECONNREFUSED …"; "" when there was none yet. */
  readonly lastError: string;
}

export interface LoadOutcome extends LoadSummary {
  readonly requests: number;
  readonly failed: number;
  /** Iterations cut off at the end. */
  readonly interrupted: number;
  /** How late iterations began, milliseconds. */
  readonly latenessMs: { readonly p50: number; readonly p99: number; readonly max: number } | null;
  /** What the script threw, with how often; at most 20 different ones. */
  readonly scriptErrors: readonly { readonly message: string; readonly count: number }[];
  /** Why the load ended before its schedule; null when it did not. */
  readonly endedEarly: string | null;
  /** Of the load process until here, conversion to Parquet not included. */
  readonly cpuSeconds: number;
  readonly maxRssBytes: number;
}
