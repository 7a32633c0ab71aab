/** Every probe by its kind. A kind of `ProbeSpec` without a row here does not compile. */
import type { ProbeSpec } from "../types.ts";
import { podTerminations } from "./pod-terminations.ts";
import type { Probe, ProbeContext, RunningProbe } from "./probe.ts";

type ProbeTable = { readonly [K in ProbeSpec["kind"]]: Probe<Extract<ProbeSpec, { readonly kind: K }>> };

const probes: ProbeTable = {
  "pod-terminations": podTerminations,
};

/** Starts a probe under the name that its observations carry. */
export function startProbe(name: string, spec: ProbeSpec, context: ProbeContext): Promise<RunningProbe> {
  return probes[spec.kind].start(name, spec, context);
}

export { watchNodes } from "./nodes.ts";
