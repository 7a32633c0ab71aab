/** Chosen clients do not get through to the API server: refused, answered with 503, or left without an answer. */
import type { ApiServerUnavailableFault } from "../fault-specs.ts";
import { apiFault } from "./apiserver/fault.ts";
import type { ApiEffect } from "./apiserver/reading.ts";
import { wordProblems } from "./spec-problems.ts";
import { targetProblems } from "./targets.ts";

const EFFECTS: Readonly<Record<NonNullable<ApiServerUnavailableFault["answer"]>, ApiEffect>> = {
  refused: "refused",
  "503": "unavailable",
  none: "silent",
};

export const apiServerUnavailable = apiFault<ApiServerUnavailableFault>({
  kind: "apiserver.unavailable",
  drawAs: { label: "the API server is unavailable", colour: "#225522" },
  validate: (spec) => [
    ...targetProblems("clients", spec.clients),
    ...wordProblems("answer", spec.answer, Object.keys(EFFECTS)),
  ],
  effectOf: ({ answer = "refused" }) => ({ effect: EFFECTS[answer], latencyMs: 0 }),
});
