/** A node as a container of this machine: what the engine and the kernel say of it. */
import { readFile } from "node:fs/promises";
import { FaultlineError } from "../errors.ts";
import { docker } from "./docker.ts";
import type { ContainerHandle, ContainerState } from "./provider.ts";

interface Inspected {
  readonly State: { readonly Status: ContainerState["status"]; readonly Pid: number; readonly StartedAt: string };
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, { readonly IPAddress: string }>> };
}

/** @param knownPid its first process, where that is known: saves asking the engine for it. */
export function containerHandle(id: string, knownPid?: number): ContainerHandle {
  let counter: Promise<CpuCounter> | undefined;
  const cpuUsageMs = async () => {
    // The same for as long as the container is there.
    counter ??= findCounter(id, knownPid);
    return await readCounter(await counter);
  };
  const cpuFiles = async () => {
    counter ??= findCounter(id, knownPid);
    const { path, perMs, quota } = await counter;
    return { usage: path, perMs, quota };
  };
  return { id, state: () => containerState(id), cpuUsageMs, cpuFiles };
}

async function containerState(id: string): Promise<ContainerState> {
  const { exitCode, stdout, stderr } = await docker(["container", "inspect", id], { accept: [0, 1] });
  if (exitCode !== 0 && !/no such container/i.test(stderr)) throw new FaultlineError("cluster", stderr.trim());
  const found = (JSON.parse(exitCode === 0 ? stdout : "[]") as readonly Inspected[])[0];
  if (found === undefined) return { status: "gone", pid: 0, startedAt: "", address: "" };
  const { Status: status, Pid: pid, StartedAt: startedAt } = found.State;
  const address = Object.values(found.NetworkSettings.Networks)[0]?.IPAddress ?? "";
  return { status, pid, startedAt, address };
}

/** Where cgroup v1 and v2 keep the CPU time of a group, and how each writes it. */
const CPU_FILES = [
  { controller: /^\d+:(?:cpuacct|cpu,cpuacct|cpuacct,cpu):(.*)$/m, file: "cpuacct.usage", perMs: 1e6, find: /^(\d+)/ },
  { controller: /^0::(.*)$/m, file: "cpu.stat", perMs: 1e3, find: /^usage_usec (\d+)/m },
] as const;

interface CpuCounter {
  readonly path: string;
  readonly quota: string;
  readonly perMs: number;
  readonly find: RegExp;
}

async function findCounter(id: string, knownPid: number | undefined): Promise<CpuCounter> {
  const groupsOf = (pid: number | undefined) => readFile(`/proc/${pid}/cgroup`, "utf8");
  const known = await groupsOf(knownPid).catch(() => "");
  const groups = known.includes(id) ? known : await groupsOf((await containerState(id)).pid);
  for (const { controller, file, ...reading } of CPU_FILES) {
    const path = controller.exec(groups)?.[1] ?? "";
    if (!path.includes(id)) continue;
    const own = path.slice(0, path.indexOf(id) + id.length);
    for (const root of ["/sys/fs/cgroup/cpuacct", "/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup"]) {
      const quota = file === "cpu.stat" ? `${root}${own}/cpu.max` : `/sys/fs/cgroup/cpu${own}/cpu.cfs_quota_us`;
      const counter = { path: `${root}${own}/${file}`, quota, ...reading };
      const found = await readCounter(counter).catch(() => null);
      if (found !== null) return counter;
    }
  }
  throw new FaultlineError("cluster", `this machine shows no cgroup with the CPU time of container ${id.slice(0, 12)}`);
}

async function readCounter({ path, find, perMs }: Omit<CpuCounter, "quota">): Promise<number> {
  const usage = find.exec(await readFile(path, "utf8"))?.[1];
  if (usage !== undefined) return Number(usage) / perMs;
  throw new FaultlineError("cluster", `${path} shows no CPU time`);
}
