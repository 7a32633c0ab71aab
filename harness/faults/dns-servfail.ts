/** Chosen names are answered with SERVFAIL, as by a resolver whose own upstream is down. */
import type { DnsServfailFault } from "../fault-specs.ts";
import { dnsFault } from "./dns/fault.ts";
import { dnsProblems } from "./dns/names.ts";

export const dnsServfail = dnsFault<DnsServfailFault>({
  kind: "dns.servfail",
  drawAs: { label: "names are answered with SERVFAIL", colour: "#aa4499" },
  validate: dnsProblems,
  effectOf: () => ({ mode: "servfail", latencyMs: 0 }),
});
