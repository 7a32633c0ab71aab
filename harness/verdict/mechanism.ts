/** Mechanisms: the causal signal beside the SLO. */
import type { ArmRecord, CheckResult, Mechanism, Termination, TerminationSignal } from "../types.ts";
import { outcomeOf } from "./requests.ts";
import { median } from "./statistics.ts";
import { closedMsOf, hitByGap } from "./terminations.ts";
import { type Window, within } from "./windows.ts";
import { count, counted, milliseconds } from "./words.ts";

/** The controller's log must hold at least this share of the requests that were answered well, or it has holes. */
const UPSTREAM_COVERAGE_AT_LEAST = 0.95;

const UNITS: Readonly<Record<TerminationSignal, "requests" | "ms">> = {
  "requests-after-listener-closed": "requests",
  "endpoint-lag": "ms",
  "expected-requests-per-window": "requests",
};

interface Signal {
  /** Terminations that could be measured. */
  readonly samples: number;
  readonly value: number;
  /** A clause with the numbers. */
  readonly words: string;
}

/** All that a mechanism is judged from. */
export interface MechanismInput {
  readonly record: ArmRecord;
  readonly window: Window | null;
  /** Of the mechanism's probe. */
  readonly terminations: readonly Termination[];
  /** The arm plans at least one fault, so terminations are to be expected. */
  readonly disturbed: boolean;
}

/**
 * `violated`: a defect outside of its objective. `inconclusive`: a precondition outside of its objective, too few
 * terminations, or a log with holes. A defect that was seen stays seen, whatever is missing beside it.
 */
export function judgeMechanism(mechanism: Mechanism, input: MechanismInput): CheckResult {
  const unit = UNITS[mechanism.signal];
  const base = { name: mechanism.name, unit, objective: mechanismObjective(mechanism) };
  if (!input.disturbed && input.terminations.length === 0) {
    return { ...base, verdict: "held", value: 0, sampleCount: 0, because: "No terminations planned, and none seen." };
  }
  const observations = input.record.observations;
  const measurable = input.terminations.filter((t) => !hitByGap(t, mechanism.over, observations));
  const hit = input.terminations.length - measurable.length;
  const signal = measure(mechanism.signal, measurable);
  const within = inObjective(mechanism, signal.value);
  const value = signal.samples === 0 ? null : signal.value;
  const result = { ...base, value, sampleCount: signal.samples };
  const gaps = hit === 0 ? "" : `, ${counted(hit, "termination")} left out because a watch had a gap`;
  if (mechanism.role === "defect" && signal.samples > 0 && !within) {
    return { ...result, verdict: "violated", because: `${signal.words}, wanted ${base.objective}${gaps}.` };
  }
  const hole = coverageDoubt(input);
  if (hole !== null) return { ...result, verdict: "inconclusive", because: hole };
  if (signal.samples < mechanism.minSamples) {
    const found = counted(signal.samples, "termination");
    const because = `Only ${found} could be measured, at least ${count(mechanism.minSamples)} are needed${gaps}.`;
    return { ...result, verdict: "inconclusive", because };
  }
  const verdict = within ? "held" : "inconclusive";
  return { ...result, verdict, because: `${signal.words}, wanted ${base.objective}${gaps}.` };
}

/** "none", "at least 20 requests", "4.5 s to 7 s". */
export function mechanismObjective({ signal, atLeast, atMost }: Mechanism): string {
  const words = (value: number) => (UNITS[signal] === "ms" ? milliseconds(value) : counted(value, "request"));
  if (atLeast !== undefined && atMost !== undefined) return `${words(atLeast)} to ${words(atMost)}`;
  if (atLeast !== undefined) return `at least ${words(atLeast)}`;
  if (atMost === 0) return "none";
  return atMost === undefined ? "any value" : `at most ${words(atMost)}`;
}

function inObjective({ atLeast, atMost }: Mechanism, value: number): boolean {
  return value >= (atLeast ?? Number.NEGATIVE_INFINITY) && value <= (atMost ?? Number.POSITIVE_INFINITY);
}

function measure(signal: TerminationSignal, terminations: readonly Termination[]): Signal {
  switch (signal) {
    case "requests-after-listener-closed":
      return requestsAfterClose(terminations.filter((t) => t.ip !== "" && closedMsOf(t) !== null));
    case "endpoint-lag":
      return endpointLag(terminations);
    case "expected-requests-per-window":
      return expectedRequests(terminations);
  }
}

function requestsAfterClose(closed: readonly Termination[]): Signal {
  const value = closed.reduce((sum, t) => sum + t.requestsAfterClose, 0);
  const pods = closed.filter((t) => t.requestsAfterClose > 0).length;
  const all = counted(closed.length, "terminated pod");
  const words =
    value === 0
      ? `No request reached any of ${all} after its listener had closed`
      : `${counted(value, "request")} reached ${count(pods)} of ${all} after the listener had closed`;
  return { samples: closed.length, value, words };
}

function endpointLag(terminations: readonly Termination[]): Signal {
  const lags = terminations.flatMap((t) =>
    t.lastRequestMs === null || t.notReadyMs === null ? [] : [t.lastRequestMs - t.notReadyMs],
  );
  const value = median(lags);
  const words = `The ingress sent its last request ${milliseconds(value)} after the endpoint was not ready (median of ${counted(lags.length, "termination")})`;
  return { samples: lags.length, value, words };
}

function expectedRequests(terminations: readonly Termination[]): Signal {
  const value = Math.min(...terminations.map((t) => t.expectedInWindow));
  const words = `The load sent ${counted(value, "request")} to one pod in the shortest window of ${counted(terminations.length, "termination")}`;
  return { samples: terminations.length, value, words };
}

/** Whether the controller's log can be trusted to show what it sent; a sentence when it cannot. */
function coverageDoubt({ record, window }: MechanismInput): string | null {
  if (record.upstream === null) return "The ingress controller's access log is missing.";
  if (record.requests === null) return "No request was recorded.";
  if (window === null) return "The arm never began.";
  let good = 0;
  for (let row = 0; row < record.requests.length; row++) {
    if (within(window, record.requests.intendedMs[row] ?? 0) && outcomeOf(record.requests, row) === "good") good++;
  }
  let logged = 0;
  for (let row = 0; row < record.upstream.length; row++) {
    const status = record.upstream.status[row] ?? 0;
    if (!within(window, record.upstream.startMs[row] ?? 0)) continue;
    if (status >= 1 && status < 500) logged++;
  }
  if (logged >= good * UPSTREAM_COVERAGE_AT_LEAST) return null;
  return `The ingress controller's access log has holes: it shows ${count(logged)} of ${count(good)} good requests.`;
}
