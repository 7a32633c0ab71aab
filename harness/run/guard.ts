/** Stops an arm whose system is hurt more than its owner allows. */
import type { Plan } from "../types.ts";
import type { LoadProgress } from "./ports.ts";

/** The system was hurt more than allowed: a finding about it, no failure of the harness. */
export class GuardStop extends Error {}

/** `see` takes each progress report; nothing is judged before `arm` was called (the baseline belongs to no fault). */
export function guardOf(guard: Plan["guard"], abort: (reason: Error) => void) {
  const window: { at: number; good: number; bad: number }[] = [];
  let armed = false;
  return {
    arm: () => {
      armed = true;
    },
    see: (progress: LoadProgress) => {
      if (guard === null || !armed) return;
      const at = performance.now();
      window.push({ at, good: progress.windowGood, bad: progress.windowBad });
      while (window[0] !== undefined && at - window[0].at > guard.windowMs) window.shift();
      const good = window.reduce((sum, one) => sum + one.good, 0);
      const all = good + window.reduce((sum, one) => sum + one.bad, 0);
      const whole = window[0] !== undefined && at - window[0].at > guard.windowMs * 0.8;
      if (!whole || all === 0 || good / all >= guard.availabilityAtLeast) return;
      abort(
        new GuardStop(
          `guard: ${good} of ${all} requests were good in the last ${guard.windowMs} ms, fewer than ${guard.availabilityAtLeast}`,
        ),
      );
    },
  };
}
