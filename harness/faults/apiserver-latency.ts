/** Every answer of the API server comes late to chosen clients, each event of a watch too. */
import { toMs } from "../define/duration.ts";
import type { ApiServerLatencyFault } from "../fault-specs.ts";
import { apiFault } from "./apiserver/fault.ts";
import { durationProblems } from "./spec-problems.ts";
import { targetProblems } from "./targets.ts";

export const apiServerLatency = apiFault<ApiServerLatencyFault>({
  kind: "apiserver.latency",
  drawAs: { label: "the API server answers late", colour: "#44aa99" },
  validate: (spec) => [
    ...targetProblems("clients", spec.clients),
    ...durationProblems("latency", spec.latency, "50ms", "30s"),
  ],
  effectOf: ({ latency }) => ({ effect: "late", latencyMs: toMs(latency) }),
});
