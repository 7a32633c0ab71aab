/** A node's memory: what the node's groups say, what its kubelet counts, and what the API server was told. */
import type { Kube } from "../../cluster/kube.ts";
import type { NodeHandle } from "../../cluster/provider.ts";
import { pairsOf } from "../cpu/look.ts";

const TIMEOUT_MS = 30_000;
const MIB = 1024 * 1024;

/** In MiB, rounded down. */
export interface Room {
  readonly machineMiB: number;
  readonly machineAvailableMiB: number;
  /** Under the node's own cap; null where it has none. */
  readonly nodeMiB: number | null;
}

const ROOM = `
while read -r key value _; do echo "\${key%:}=$value"; done < /proc/meminfo
for at in /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max; do [ -r "$at" ] && echo "limit=$(cat "$at")"; done
for at in /sys/fs/cgroup/memory/memory.usage_in_bytes /sys/fs/cgroup/memory.current; do [ -r "$at" ] && echo "usage=$(cat "$at")"; done
for at in /sys/fs/cgroup/memory/memory.stat /sys/fs/cgroup/memory.stat; do
  [ -r "$at" ] && while read -r key value; do case $key in total_inactive_file | inactive_file) echo "cache=$value" ;; esac; done < "$at"
done
true`;

export async function readRoom(node: NodeHandle): Promise<Room> {
  const { stdout } = await node.exec(["bash", "-s"], { timeoutMs: TIMEOUT_MS, input: ROOM });
  return roomIn(stdout);
}

/** Pure. A limit above what the machine has is none. */
export function roomIn(output: string): Room {
  const fields = new Map(pairsOf(output));
  const number = (key: string) => Number(fields.get(key) ?? 0);
  const machineMiB = Math.floor(number("MemTotal") / 1024);
  const limit = Number(fields.get("limit"));
  const used = number("usage") - number("cache");
  return {
    machineMiB,
    machineAvailableMiB: Math.floor(number("MemAvailable") / 1024),
    nodeMiB: limit / MIB <= machineMiB ? Math.floor((limit - used) / MIB) : null,
  };
}

export interface KubeletMemory {
  /** As its eviction manager counts it: capacity without the working set of all on the node. */
  readonly availableKiB: number;
  /** Its soft thresholds by signal, as they are in force. */
  readonly thresholds: Readonly<Record<string, string>>;
}

/** Asked through the API server. @throws FaultlineError `api` while the kubelet does not answer. */
export async function askMemory(kube: Kube, node: string): Promise<KubeletMemory> {
  const at = `/api/v1/nodes/${node}/proxy`;
  const [summary, config] = await Promise.all([
    kube.request("GET", `${at}/stats/summary?only_cpu_and_memory=true`),
    kube.request("GET", `${at}/configz`),
  ]);
  return {
    availableKiB: Math.round((summary.node?.memory?.availableBytes ?? 0) / 1024),
    thresholds: config.kubeletconfig?.evictionSoft ?? {},
  };
}

const TAINT = "node.kubernetes.io/memory-pressure";

export interface Told {
  /** `Unknown` where the node is gone. */
  readonly condition: string;
  readonly tainted: boolean;
}

export async function readTold(kube: Kube, name: string): Promise<Told> {
  const node = await kube.get({ apiVersion: "v1", kind: "Node", name });
  const conditions: readonly { type: string; status: string }[] = node?.status?.conditions ?? [];
  const taints: readonly { key: string }[] = node?.spec?.taints ?? [];
  return {
    condition: conditions.find(({ type }) => type === "MemoryPressure")?.status ?? "Unknown",
    tainted: taints.some(({ key }) => key === TAINT),
  };
}

/** The hog's own memory as the kernel counts it, in MiB; 0: it does not run. */
export async function readTaken(node: NodeHandle, id: string): Promise<number> {
  const script = `for at in /sys/fs/cgroup/memory/system.slice/${id}-hog.service/memory.usage_in_bytes /sys/fs/cgroup/system.slice/${id}-hog.service/memory.current; do
  [ -r "$at" ] && cat "$at"
done; true`;
  const { stdout } = await node.exec(["bash", "-s"], { timeoutMs: TIMEOUT_MS, input: script });
  return Math.round(Number(stdout.trim() || 0) / MIB);
}
