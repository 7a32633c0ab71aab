/** The CPU time of a node and of pods on it, from this machine's control groups, version 1 and 2. */
import { readdir, readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { CpuFiles } from "../../cluster/provider.ts";

/** Counters at an instant, all in milliseconds. */
export interface CpuSample {
  readonly atMs: number;
  readonly usedMs: number;
  /** By pod. */
  readonly ofPods: ReadonlyMap<string, number>;
  readonly periods: number;
  readonly throttledPeriods: number;
  /** CPUs; null: no cap. */
  readonly cap: number | null;
}

/** @param uids of the pods; one without a group (it has not started, or is gone) is left out. */
export async function readCpu(files: CpuFiles, uids: readonly string[]): Promise<CpuSample> {
  const [used, stat, cap] = await Promise.all([
    readFile(files.usage, "utf8"),
    readFile(join(dirname(files.quota), "cpu.stat"), "utf8"),
    readCap(files.quota),
  ]);
  const atMs = performance.now();
  const groups = uids.length === 0 ? new Map<string, string>() : await findGroups(dirname(files.usage), uids);
  const ofPods = await Promise.all(
    [...groups].map(async ([uid, group]) => {
      const text = await readFile(join(group, basename(files.usage)), "utf8").catch(() => null);
      return text === null ? [] : [[uid, usedMs(text, files)] as const];
    }),
  );
  return {
    atMs,
    usedMs: usedMs(used, files),
    ofPods: new Map(ofPods.flat()),
    periods: field(stat, "nr_periods"),
    throttledPeriods: field(stat, "nr_throttled"),
    cap,
  };
}

/**
 * What was used between two samples. A pod that is in one of them alone counts from nothing: it began meanwhile, or its
 * last moments are not known.
 * @param processors of the machine: the cap of a node that has none.
 */
export function cpuShares(before: CpuSample, now: CpuSample, processors: number) {
  const ms = Math.max(1, now.atMs - before.atMs);
  const byPods = [...now.ofPods].reduce((sum, [uid, used]) => sum + used - (before.ofPods.get(uid) ?? 0), 0);
  const periods = now.periods - before.periods;
  return {
    used: rounded((now.usedMs - before.usedMs) / ms),
    byReplicas: rounded(byPods / ms),
    cap: now.cap ?? processors,
    throttled: periods <= 0 ? 0 : rounded((now.throttledPeriods - before.throttledPeriods) / periods),
  };
}

const rounded = (value: number) => Math.round(value * 1_000) / 1_000;
const field = (text: string, key: string) => Number(new RegExp(`^${key} (\\d+)`, "m").exec(text)?.[1] ?? 0);

/** The number that ends the first line. */
function usedMs(text: string, { perMs }: CpuFiles): number {
  return Number(/(\d+)\s*$/.exec(text.split("\n")[0] ?? "")?.[1] ?? 0) / perMs;
}

async function readCap(file: string): Promise<number | null> {
  const [quota = "", inline] = (await readFile(file, "utf8")).trim().split(" ");
  const period = inline ?? (await readFile(file.replace(/quota_us$/, "period_us"), "utf8")).trim();
  return Number(quota) > 0 ? Number(quota) / Number(period) : null;
}

/** Between a node's group and a pod's lie the kubelet's own, that of all pods, and that of a class of them. */
const DEEPEST = 5;

/** The folder of each pod: its name holds the uid, with underscores where systemd made it. */
async function findGroups(root: string, uids: readonly string[]): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const look = async (folder: string, depth: number): Promise<void> => {
    const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
    await Promise.all(
      entries.map(async (entry) => {
        if (!entry.isDirectory()) return;
        const path = join(folder, entry.name);
        const uid = uids.find((one) => entry.name.includes(one) || entry.name.includes(one.replaceAll("-", "_")));
        if (uid !== undefined) found.set(uid, path);
        else if (depth < DEEPEST && /kube|besteffort|burstable/.test(entry.name)) await look(path, depth + 1);
      }),
    );
  };
  await look(root, 1);
  return found;
}
