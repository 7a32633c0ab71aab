/** What faults find wrong in their specs: the checks that many of them need. Pure. */
import { parseDuration } from "../define/duration.ts";

export interface SpecProblem {
  /** Relative to the spec: `latency`, `targets.count`. */
  readonly path: string;
  readonly message: string;
}

/** Of a value that must be a duration within bounds, both included. @param from, to as durations: "1s". */
export function durationProblems(path: string, value: unknown, from: string, to: string): SpecProblem[] {
  const ms = parseDuration(String(value));
  if (ms !== null && ms >= (parseDuration(from) ?? 0) && ms <= (parseDuration(to) ?? 0)) return [];
  return [{ path, message: `a duration from ${from} to ${to}, not ${JSON.stringify(value)}` }];
}

/** Of a value that must be one of some words, or is left out. */
export function wordProblems(path: string, value: unknown, words: readonly string[]): SpecProblem[] {
  if (value === undefined || words.includes(String(value))) return [];
  return [{ path, message: `one of ${words.join(", ")}, not ${JSON.stringify(value)}` }];
}

/** Of a share as text: "5%" to "100%". */
export function shareProblems(path: string, value: unknown, from: number): SpecProblem[] {
  const percent = Number(/^(\d+(?:\.\d+)?)%$/.exec(String(value))?.[1] ?? Number.NaN);
  if (percent >= from && percent <= 100) return [];
  return [{ path, message: `a share from "${from}%" to "100%", not ${JSON.stringify(value)}` }];
}
