/** The shapes of probes and the names of the signals that they give, beside the types in probe-specs.ts. */
import { z } from "zod";
import type { ProbeSpec, Signal } from "../types.ts";
import { parseDuration } from "./duration.ts";

/** A name of `Signal` that is missing here does not compile. */
const SIGNALS: Readonly<Record<Signal, true>> = {
  "requests-after-listener-closed": true,
  "endpoint-lag": true,
  "expected-requests-per-window": true,
  "metadata-calls-per-request": true,
  "metadata-call-time": true,
  "storming-clients": true,
  "cascade-depth": true,
  "largest-share": true,
  "time-to-recover": true,
  "replica-demand": true,
  "hung-rollouts": true,
  "pod-address-delay": true,
  "late-pod-addresses": true,
  "jobs-refused-before-address": true,
  "wrong-identity": true,
  "kubelet-limiter-wait": true,
};
export const signals = Object.keys(SIGNALS) as Signal[];

/** Probes of which SLOs can be judged: what they saw of each request or job is a sample. */
export const YIELDS_SAMPLES: Readonly<Record<ProbeSpec["kind"], boolean>> = {
  "pod-terminations": false,
  "imds-calls": false,
  "credential-sweep": false,
  placement: false,
  "pod-identity": true,
};

export const name = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, { error: "lower-case letters, digits and dashes" });

/** A length of time within bounds. */
export const between = (from: string, to: string) =>
  z.string().refine(
    (text) => {
      const ms = parseDuration(text);
      return ms !== null && ms >= (parseDuration(from) ?? 0) && ms <= (parseDuration(to) ?? 0);
    },
    { error: `a duration from ${from} to ${to}` },
  );
const LABEL = String.raw`[A-Za-z0-9](?:[\w./-]*[A-Za-z0-9])?`;
/** `a=b`, `a!=b`, `a in (b, c)`, `a`, `!a` */
const REQUIREMENT = `(?:!?${LABEL}|${LABEL} *(?:=|==|!=) *(?:${LABEL})?|${LABEL} +(?:not)?in *\\( *${LABEL}(?: *, *${LABEL})* *\\))`;
/** As the API server takes it: one that it refuses would show only in the midst of an arm. */
const selector = z
  .string()
  .regex(new RegExp(`^ *${REQUIREMENT}(?: *, *${REQUIREMENT})* *$`), { error: 'a label selector: "app=checkout"' });
const port = z.int().min(1).max(65_535);

export const probe = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("pod-terminations"),
    service: name,
    selector,
    port,
  }),
  z.strictObject({ kind: z.literal("imds-calls"), selector, figuresPort: port.optional() }),
  z.strictObject({
    kind: z.literal("credential-sweep"),
    selector,
    port,
    remaining: z.array(between("1s", "12h")).min(1, { error: "at least one length of time" }),
    concurrency: z.array(z.int().min(1).max(64, { error: "1 to 64 side by side" })).min(1, { error: "at least one" }),
    requests: z.int().min(8, { error: "at least 8: fewer tell no storm from a first call" }).max(1_000),
  }),
  z.strictObject({ kind: z.literal("placement"), selector }),
  z.strictObject({ kind: z.literal("pod-identity"), selector }),
]);
