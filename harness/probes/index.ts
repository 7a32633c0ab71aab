/** Every probe by its kind. A kind of `ProbeSpec` without a row here does not compile. */
import type { ProbeSpec } from "../types.ts";
import { credentialSweep } from "./credential-sweep.ts";
import { imdsCalls } from "./imds-calls.ts";
import { placement } from "./placement.ts";
import { podIdentity } from "./pod-identity.ts";
import { podTerminations } from "./pod-terminations.ts";
import type { Probe, ProbeContext, RunningProbe } from "./probe.ts";

type ProbeTable = { readonly [K in ProbeSpec["kind"]]: Probe<Extract<ProbeSpec, { readonly kind: K }>> };

const probes: ProbeTable = {
  "pod-terminations": podTerminations,
  "imds-calls": imdsCalls,
  "credential-sweep": credentialSweep,
  placement,
  "pod-identity": podIdentity,
};

/** Starts a probe under the name that its observations carry. */
export function startProbe(name: string, spec: ProbeSpec, context: ProbeContext): Promise<RunningProbe> {
  // A spec finds its own kind's row; the compiler does not see the two hang together.
  const probe = probes[spec.kind] as unknown as Probe;
  return probe.start(name, spec, context);
}

export { watchNodes } from "./nodes.ts";
