/** Answers for chosen names come late to chosen pods. */
import { toMs } from "../define/duration.ts";
import type { DnsLatencyFault } from "../fault-specs.ts";
import { dnsFault } from "./dns/fault.ts";
import { dnsProblems } from "./dns/names.ts";
import { durationProblems } from "./spec-problems.ts";

/** A resolver takes what is later than its 5 s for no answer: that is dns.failure. */
const MOST = "4s";

export const dnsLatency = dnsFault<DnsLatencyFault>({
  kind: "dns.latency",
  drawAs: { label: "names are resolved late", colour: "#882255" },
  validate: (spec) => [...dnsProblems(spec), ...durationProblems("latency", spec.latency, "50ms", MOST)],
  effectOf: ({ latency }) => ({ mode: "late", latencyMs: toMs(latency) }),
});
