/** The guard, judged from the samples: the same answer for a run that it stopped and for one that is judged again. */
import type { CheckResult, Plan, RequestColumns } from "../types.ts";
import { outcomeOf } from "./requests.ts";
import { type PhaseWindows, type Window, within } from "./windows.ts";
import { counted, milliseconds, percent } from "./words.ts";

/** A window counts from this share of its length on, so that a fault's first seconds are guarded too. */
const WHOLE_FROM = 0.8;

/** null without a guard. Looks at every window of the guard's length that ends with an answer, from the fault phase on. */
export function guardResult(
  guard: Plan["guard"],
  requests: RequestColumns | null,
  windows: PhaseWindows,
): CheckResult | null {
  if (guard === null) return null;
  const wanted = `at least ${percent(guard.availabilityAtLeast)} good in any ${milliseconds(guard.windowMs)}`;
  const base = { name: `guard: ${wanted}`, unit: "ratio", objective: wanted };
  const guarded = guardedWindow(windows);
  if (requests === null || guarded === null) {
    return {
      ...base,
      verdict: "inconclusive",
      value: null,
      sampleCount: 0,
      because: "No request was recorded in the fault phase.",
    };
  }
  const answers = answersIn(requests, guarded);
  const worst = worstWindow(answers, guarded.beginMs + guard.windowMs * WHOLE_FROM, guard.windowMs);
  if (worst === null) {
    const because = `The load lasted less than the guard's window of ${milliseconds(guard.windowMs)}.`;
    return { ...base, verdict: "inconclusive", value: null, sampleCount: answers.length, because };
  }
  return {
    ...base,
    verdict: worst.ratio >= guard.availabilityAtLeast ? "held" : "violated",
    value: worst.ratio,
    sampleCount: answers.length,
    because: `In the worst ${milliseconds(guard.windowMs)} ${percent(worst.ratio)} of ${counted(worst.samples, "request")} were good, wanted ${wanted}.`,
  };
}

interface Answer {
  readonly endMs: number;
  readonly good: boolean;
}

/** The baseline belongs to no fault. */
function guardedWindow({ fault, run }: PhaseWindows): Window | null {
  return fault === null || run === null ? null : { ...run, beginMs: fault.beginMs };
}

function answersIn(requests: RequestColumns, guarded: Window): readonly Answer[] {
  const answers: Answer[] = [];
  for (let row = 0; row < requests.length; row++) {
    if (!within(guarded, requests.intendedMs[row] ?? 0)) continue;
    const outcome = outcomeOf(requests, row);
    if (outcome !== "interrupted") answers.push({ endMs: requests.endMs[row] ?? 0, good: outcome === "good" });
  }
  return answers.sort((a, b) => a.endMs - b.endMs);
}

function worstWindow(answers: readonly Answer[], fromMs: number, windowMs: number) {
  let worst: { readonly ratio: number; readonly samples: number } | null = null;
  let first = 0;
  let good = 0;
  for (const [last, answer] of answers.entries()) {
    if (answer.good) good++;
    for (
      let gone = answers[first];
      gone !== undefined && gone.endMs <= answer.endMs - windowMs;
      gone = answers[++first]
    ) {
      if (gone.good) good--;
    }
    const samples = last - first + 1;
    if (answer.endMs < fromMs) continue;
    if (worst === null || good / samples < worst.ratio) worst = { ratio: good / samples, samples };
  }
  return worst;
}
