/** Every call of the metadata service takes longer by a set time. */
import { toMs } from "../define/duration.ts";
import type { ImdsLatencyFault } from "../fault-specs.ts";
import { CALLS, concerned, imdsFault } from "./imds/imds-fault.ts";
import { durationProblems, wordProblems } from "./spec-problems.ts";

const ROUNDS = 5;
/** How much longer than asked for the quickest of a canary's calls may take on a busy machine. */
const TOLERANCE_MS = 250;

export const imdsLatency = imdsFault<ImdsLatencyFault>({
  kind: "imds.latency",
  drawAs: { label: "the metadata service is slow", colour: "#ddcc77" },
  validate: (spec) => [
    ...durationProblems("latency", spec.latency, "10ms", "60s"),
    ...wordProblems("calls", spec.calls, CALLS),
  ],
  changeOf: ({ latency, calls = "all" }) => ({ latency: { ms: toMs(latency), calls } }),
  ask: () => ({ rounds: ROUNDS, timeoutMs: 2_000 }),
  judge: (rounds, { change, settings }) => {
    const { ms, calls } = change.latency ?? { ms: 0, calls: "all" };
    const answered = concerned(rounds, calls).filter(({ status }) => status > 0);
    const quickestMs = Math.min(...answered.map((call) => call.ms));
    const addedMs = quickestMs - settings.latencyMs;
    return {
      inEffect: answered.length > 0 && addedMs >= 0.9 * ms && addedMs <= 1.1 * ms + TOLERANCE_MS,
      saw:
        answered.length === 0
          ? "no call was answered"
          : `the quickest of ${answered.length} calls took ${quickestMs} ms; asked for are ${ms} ms on top of ${settings.latencyMs} ms`,
      values: { answered: answered.length, askedMs: ms, ...(answered.length === 0 ? {} : { quickestMs }) },
    };
  },
});
