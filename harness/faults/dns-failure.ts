/** Chosen names get no answer, or are said not to exist, or are refused. */
import type { DnsFailureFault } from "../fault-specs.ts";
import { dnsFault } from "./dns/fault.ts";
import { dnsProblems } from "./dns/names.ts";

const ANSWERS = ["none", "nxdomain", "refused"] as const;

export const dnsFailure = dnsFault<DnsFailureFault>({
  kind: "dns.failure",
  drawAs: { label: "names are not resolved", colour: "#332288" },
  validate: (spec) => [
    ...dnsProblems(spec),
    ...(spec.answer === undefined || ANSWERS.includes(spec.answer)
      ? []
      : [{ path: "answer", message: `one of ${ANSWERS.join(", ")}, not ${JSON.stringify(spec.answer)}` }]),
  ],
  effectOf: ({ answer = "none" }) => ({ mode: answer === "none" ? "drop" : answer, latencyMs: 0 }),
});
