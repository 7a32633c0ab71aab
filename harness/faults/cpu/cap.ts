/**
 * A cap on a node's CPUs for as long as a fault lasts. By `--cpu-quota`: what `--cpus` has set is never lifted again by
 * the engine (`--cpus 0` changes nothing), and what is set by quota is, with -1.
 */
import type { HostPart } from "../../cluster/host-guard.ts";
import { whenIn } from "../node/machine.ts";

/** The kernel's own default, which the engine keeps to. */
const PERIOD_US = 100_000;

export type CappedNode = { readonly name: string; readonly container: string };

export function capPart(id: string, nodes: readonly CappedNode[], cap: number): HostPart {
  return {
    id,
    inject: whenIn("running", nodes, `update --cpu-quota ${Math.round(cap * PERIOD_US)}`),
    undo: whenIn("*", nodes, LIFT),
  };
}

/** Right for a container that was never capped. */
export const LIFT = "update --cpu-quota -1";
