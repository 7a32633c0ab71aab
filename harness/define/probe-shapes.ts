/** The shapes of probes and the names of the signals that they give, beside the types in probe-specs.ts. */
import { z } from "zod";
import type { ProbeSpec, Signal } from "../types.ts";

/** A name of `Signal` that is missing here does not compile. */
const SIGNALS: Readonly<Record<Signal, true>> = {
  "requests-after-listener-closed": true,
  "endpoint-lag": true,
  "expected-requests-per-window": true,
};
export const signals = Object.keys(SIGNALS) as Signal[];

/** Probes of which SLOs can be judged: what they saw of each request or job is a sample. */
export const YIELDS_SAMPLES: Readonly<Record<ProbeSpec["kind"], boolean>> = {
  "pod-terminations": false,
};

export const name = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, { error: "lower-case letters, digits and dashes" });

export const probe = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("pod-terminations"),
    service: name,
    selector: z.string().min(1),
    port: z.int().min(1).max(65_535),
  }),
]);
