/** The metadata service is not to be had: it does not answer, refuses connections, or knows nobody. */
import type { Asked } from "../cluster/imds-server/canary.ts";
import type { ImdsUnavailableFault } from "../fault-specs.ts";
import { CALLS, concerned, imdsFault } from "./imds/imds-fault.ts";
import { wordProblems } from "./spec-problems.ts";

type How = ImdsUnavailableFault["how"];

const LOOKS_LIKE: Readonly<Record<How, (call: Asked) => boolean>> = {
  "no-answer": ({ error }) => error === "timeout",
  refuse: ({ error }) => ["ECONNREFUSED", "ECONNRESET"].includes(error),
  "not-found": ({ status }) => status === 404,
};
const HOWS = Object.keys(LOOKS_LIKE);
const ROUNDS = 2;
/** A call that has waited so long has no answer: others take milliseconds. */
const NO_ANSWER_MS = 1_000;

export const imdsUnavailable = imdsFault<ImdsUnavailableFault>({
  kind: "imds.unavailable",
  drawAs: { label: "the metadata service is not to be had", colour: "#661100" },
  validate: (spec) => [
    ...wordProblems("how", spec.how ?? null, HOWS),
    ...wordProblems("calls", spec.calls, CALLS),
    ...(spec.how === "refuse" && (spec.calls ?? "all") !== "all"
      ? [{ path: "calls", message: "all, or left out: a closed port refuses every call" }]
      : []),
  ],
  changeOf: ({ how, calls = "all" }) => ({ unavailable: { how, calls } }),
  ask: () => ({ rounds: ROUNDS, timeoutMs: NO_ANSWER_MS }),
  judge: (rounds, { change }) => {
    const { how, calls } = change.unavailable ?? { how: "no-answer", calls: "all" };
    const all = concerned(rounds, calls);
    const hit = all.filter(LOOKS_LIKE[how]);
    return {
      inEffect: all.length > 0 && hit.length === all.length,
      saw: `${hit.length} of ${all.length} calls ended with ${how}`,
      values: { calls: all.length, hit: hit.length },
    };
  },
});
