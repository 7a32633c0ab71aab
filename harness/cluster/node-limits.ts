/** Caps of worker nodes: the container's own limits, and what kubelet must reserve so that the scheduler sees them. */
import { FaultlineError } from "../errors.ts";
import type { ClusterSpec } from "../types.ts";
import { docker } from "./docker.ts";
import type { HostTraits } from "./host-traits.ts";

type NodeLimits = NonNullable<ClusterSpec["nodeLimits"]>;
const MIB = 1024 * 1024;
/** Kubelet, containerd and a node's system pods take that much themselves. */
const LEAST = { cpus: 0.25, memoryMiB: 512 } as const;
/** Beside other containers, which have 1,024: a node gets what its cap says, as a machine of that size would have it. */
const CPU_SHARES = 20_480;

/**
 * Kubelet's `--system-reserved` that leaves exactly the cap of a machine of this size; null where nothing is capped.
 * @throws FaultlineError `usage` when a cap is larger than the machine or too small for a node.
 */
export function reservedForCap(
  host: Pick<HostTraits, "cpus" | "memoryBytes">,
  limits: NodeLimits | undefined,
): string | null {
  if (limits === undefined) return null;
  const parts: string[] = [];
  if (limits.cpus !== undefined) {
    mustFit("cpus", limits.cpus, LEAST.cpus, host.cpus);
    parts.push(`cpu=${Math.round((host.cpus - limits.cpus) * 1000)}m`);
  }
  if (limits.memoryMiB !== undefined) {
    mustFit("memoryMiB", limits.memoryMiB, LEAST.memoryMiB, Math.floor(host.memoryBytes / MIB));
    parts.push(`memory=${host.memoryBytes - limits.memoryMiB * MIB}`);
  }
  return parts.length === 0 ? null : parts.join(",");
}

/** Caps running node containers. Memory without swap beside it: a capped node must feel its cap. */
export async function capNodes(containers: readonly string[], limits: NodeLimits | undefined): Promise<void> {
  const options = [
    ...(limits?.cpus === undefined ? [] : ["--cpus", String(limits.cpus), "--cpu-shares", String(CPU_SHARES)]),
    ...(limits?.memoryMiB === undefined
      ? []
      : ["--memory", `${limits.memoryMiB}m`, "--memory-swap", `${limits.memoryMiB}m`]),
  ];
  if (options.length > 0 && containers.length > 0) await docker(["update", ...options, ...containers]);
}

function mustFit(what: string, value: number, least: number, most: number): void {
  if (value >= least && value <= most) return;
  throw new FaultlineError("usage", `cluster.nodeLimits.${what}: ${value} is not between ${least} and ${most}`, {
    fix: `This machine has ${most}; a node itself needs ${least}.`,
  });
}
