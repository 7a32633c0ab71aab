/** Mechanisms: the causal signal beside the SLO. */
import type { CheckResult, Mechanism } from "../types.ts";
import { signals } from "./signals/index.ts";
import type { SignalInput } from "./signals/signal.ts";
import { count, counted } from "./words.ts";

/**
 * `violated`: a defect, or what is critical, outside of its objective. `inconclusive`: a precondition outside of its objective, too few
 * samples, or a record with holes. A defect that was seen stays seen, whatever is missing beside it.
 */
export function judgeMechanism(mechanism: Mechanism, input: SignalInput): CheckResult {
  const signal = signals[mechanism.signal];
  const base = { name: mechanism.name, unit: signal.unit, objective: mechanismObjective(mechanism) };
  const idle = signal.idle?.(input) ?? null;
  if (idle !== null) return { ...base, verdict: "held", value: 0, sampleCount: 0, because: idle };
  const measured = signal.measure(input, mechanism.over);
  const within = inObjective(mechanism, measured.value);
  const value = measured.samples === 0 ? null : measured.value;
  const result = { ...base, value, sampleCount: measured.samples };
  const leftOut = measured.leftOut === undefined ? "" : `, ${measured.leftOut}`;
  if (mechanism.role !== "precondition" && measured.samples > 0 && !within) {
    return { ...result, verdict: "violated", because: `${measured.words}, wanted ${base.objective}${leftOut}.` };
  }
  const hole = signal.doubt?.(input, mechanism.over) ?? null;
  if (hole !== null) return { ...result, verdict: "inconclusive", because: hole };
  if (measured.samples < mechanism.minSamples) {
    const found = counted(measured.samples, signal.sample);
    const because = `Only ${found} could be measured, at least ${count(mechanism.minSamples)} are needed${leftOut}.`;
    return { ...result, verdict: "inconclusive", because };
  }
  const verdict = within ? "held" : "inconclusive";
  return { ...result, verdict, because: `${measured.words}, wanted ${base.objective}${leftOut}.` };
}

/** "none", "at least 20 requests", "4.5 s to 7 s". */
export function mechanismObjective({ signal, atLeast, atMost }: Mechanism): string {
  const words = signals[signal].amount;
  if (atLeast !== undefined && atMost !== undefined) return `${words(atLeast)} to ${words(atMost)}`;
  if (atLeast !== undefined) return `at least ${words(atLeast)}`;
  if (atMost === 0) return "none";
  return atMost === undefined ? "any value" : `at most ${words(atMost)}`;
}

function inObjective({ atLeast, atMost }: Mechanism, value: number): boolean {
  return value >= (atLeast ?? Number.NEGATIVE_INFINITY) && value <= (atMost ?? Number.POSITIVE_INFINITY);
}
