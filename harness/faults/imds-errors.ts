/** A share of the calls of the metadata service fails, or gets no answer. */
import type { ImdsErrorsFault } from "../fault-specs.ts";
import { CALLS, concerned, imdsFault } from "./imds/imds-fault.ts";
import { isShare, percent } from "./share.ts";
import { shareProblems, wordProblems } from "./spec-problems.ts";

/** Below it a measurement of a second could not tell the share. */
const MIN_SHARE = 5;
/** So many failures are expected in a measurement: the share found is then within 70 % of the true one in 9,999 of 10,000. */
const EXPECTED_HITS = 32;
const NO_ANSWER_MS = 1_000;
const CALLS_PER_ROUND = { all: 3, credentials: 2, token: 1 } as const;

export const imdsErrors = imdsFault<ImdsErrorsFault>({
  kind: "imds.errors",
  drawAs: { label: "the metadata service fails at times", colour: "#d95f8c" },
  validate: ({ share, status, calls }) => [
    ...shareProblems("share", share, MIN_SHARE),
    ...(status === undefined || status === "timeout" || (Number.isInteger(status) && status >= 400 && status <= 599)
      ? []
      : [{ path: "status", message: `a whole number from 400 to 599, or "timeout", not ${JSON.stringify(status)}` }]),
    ...wordProblems("calls", calls, CALLS),
  ],
  changeOf: ({ share, status = 500, calls = "all" }) => ({
    errors: { share: Number.parseFloat(share) / 100, status: status === "timeout" ? 0 : status, calls },
  }),
  ask: ({ change }) => {
    const { share, calls } = change.errors ?? { share: 1, calls: "all" };
    return { rounds: Math.ceil(EXPECTED_HITS / share / CALLS_PER_ROUND[calls]), timeoutMs: NO_ANSWER_MS };
  },
  judge: (rounds, { change }) => {
    const { share, status, calls } = change.errors ?? { share: 1, status: 0, calls: "all" };
    const all = concerned(rounds, calls);
    const hits = all.filter((call) => (status === 0 ? call.error === "timeout" : call.status === status)).length;
    const measured = hits / Math.max(1, all.length);
    return {
      inEffect: isShare(hits, all.length, share),
      saw: `${hits} of ${all.length} calls ${status === 0 ? "got no answer" : `were answered with ${status}`}, ${percent(measured)}; asked for are ${percent(share)}`,
      values: { calls: all.length, hits, measuredPercent: measured * 100, askedPercent: share * 100 },
    };
  },
});
