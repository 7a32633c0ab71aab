/** A share of the requests to chosen pods arrives late. */
import { parseDuration, toMs } from "../define/duration.ts";
import type { HttpLatencyFault } from "../fault-specs.ts";
import { httpFault } from "./http/fault.ts";
import { shareOf } from "./http/spec.ts";
import { durationProblems } from "./spec-problems.ts";

const MOST = "10s";

export const httpLatency = httpFault<HttpLatencyFault>({
  kind: "http.latency",
  drawAs: { label: "requests arrive late", colour: "#3b6ea5" },
  validate: (spec) => [
    // Where only some are late, those must be told from the others.
    ...durationProblems("latency", spec.latency, shareOf(spec) < 1 ? "50ms" : "20ms", MOST),
    ...jitterProblems(spec),
  ],
  effectOf: ({ latency, jitter }) => ({
    mode: "late",
    status: 0,
    latencyMs: toMs(latency),
    jitterMs: jitter === undefined ? 0 : toMs(jitter),
  }),
});

function jitterProblems(spec: HttpLatencyFault) {
  if (spec.jitter === undefined) return [];
  const latencyMs = parseDuration(String(spec.latency)) ?? 0;
  const mostMs = Math.floor(shareOf(spec) < 1 ? latencyMs / 2 : latencyMs);
  return durationProblems("jitter", spec.jitter, "0ms", latencyMs > 0 ? `${mostMs}ms` : MOST);
}
