/** What of the machine under the engine decides how nodes must be configured. */
import { readFile } from "node:fs/promises";
import { docker } from "./docker.ts";

export interface HostTraits {
  readonly cgroupVersion: 1 | 2;
  /** Without CAP_SYS_RESOURCE nothing may lower its oom_score_adj, which kubelet and containerd otherwise insist on. */
  readonly mayLowerOomScore: boolean;
  /** What kubelet will take for the node's capacity. */
  readonly cpus: number;
  readonly memoryBytes: number;
}

/** Bit 24 of a capability set, see capabilities(7). */
const CAP_SYS_RESOURCE = 24n;

export async function readHostTraits(): Promise<HostTraits> {
  const [info, status] = await Promise.all([
    docker(["info", "--format", "{{.CgroupVersion}} {{.NCPU}} {{.MemTotal}}"]),
    readFile("/proc/self/status", "utf8").catch(() => ""),
  ]);
  const [cgroupVersion, cpus, memoryBytes] = info.stdout.trim().split(" ");
  return {
    cgroupVersion: cgroupVersion === "1" ? 1 : 2,
    mayLowerOomScore: hasCapability(status, CAP_SYS_RESOURCE),
    cpus: Number(cpus),
    memoryBytes: Number(memoryBytes),
  };
}

/**
 * Whether the bounding set of a /proc/<pid>/status holds a capability. The engine's own set cannot be asked for; where
 * it is narrowed the whole machine's is. Without /proc (an engine in a virtual machine): yes, as everywhere by default.
 */
export function hasCapability(procStatus: string, bit: bigint): boolean {
  const found = /^CapBnd:\s*([0-9a-f]+)$/m.exec(procStatus);
  return found === null || ((BigInt(`0x${found[1]}`) >> bit) & 1n) === 1n;
}
