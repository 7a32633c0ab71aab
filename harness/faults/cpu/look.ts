/** What a node makes of its CPU time: counted by this machine's kernel, and told by the node's own groups. */
import { cpus } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { ContainerHandle, NodeHandle } from "../../cluster/provider.ts";
import { FaultlineError } from "../../errors.ts";
import { CANARY } from "./burn.ts";
import { cgroupShell } from "./cgroups.ts";
import { cpusOf, type Reading } from "./usage.ts";

const TIMEOUT_MS = 60_000;

const TELL = `
${cgroupShell()}
pressure() {
  local line
  STALLED=
  for at in /sys/fs/cgroup/unified/cpu.pressure /sys/fs/cgroup/cpu.pressure; do
    [ -r "$at" ] && read -r line < "$at" && STALLED=\${line##*total=} && return
  done
}
tell() { echo "$1.atUs=\${EPOCHREALTIME/[.,]/}"; for name in USED USER_US SYSTEM_US PERIODS THROTTLED STALLED; do echo "$1.$name=\${!name}"; done; }`;

/** What stands on a node before anything is done to it. */
export interface NodeFacts {
  /** Processors that the node's processes may run on. */
  readonly processors: number;
  /** CPUs that the node's container is capped at; null where it is not. */
  readonly cap: number | null;
  /** The highest CPU limit of anything below: no cap can be set below it under version 1. */
  readonly highestLimit: number;
  /** Faults of this kind that are there. */
  readonly faults: readonly string[];
}

const FACTS = `
${cgroupShell()}
echo "processors=$(nproc)"
limits ""
echo "quota=$QUOTA"
echo "period=$PERIOD"
echo "pods=$PODS"
for at in "$CPU$PODS"/faultline-cpu-*; do [ -d "$at" ] && case $at in *-canary) ;; *) echo "fault=\${at##*/}" ;; esac; done
[ "$V" = 2 ] || find "$CPU/" -mindepth 2 -name cpu.cfs_quota_us | while read -r file; do
  group=\${file#"$CPU"}
  limits "\${group%/*}"
  [ "$QUOTA" -lt 0 ] || echo "limit=$((QUOTA * 1000 / PERIOD))"
done 2> /dev/null
true`;

/** @throws FaultlineError `fault` where no group of pods is found. */
export async function readFacts(node: NodeHandle): Promise<NodeFacts> {
  const { stdout } = await node.exec(["bash", "-s"], { timeoutMs: TIMEOUT_MS, input: FACTS });
  const lines = pairsOf(stdout);
  const numbers = (key: string) => lines.filter(([name]) => name === key).map(([, value]) => Number(value));
  const [quota = -1] = numbers("quota");
  const [period = 0] = numbers("period");
  if (lines.some(([key, value]) => key === "pods" && value === "")) {
    throw new FaultlineError("fault", `${node.name} shows no control group of its pods under /sys/fs/cgroup`, {
      fix: "the fault must run where the pods do: use a node whose kubelet has started pods, with cgroups per QoS",
    });
  }
  return {
    processors: numbers("processors")[0] ?? 0,
    cap: quota > 0 ? quota / period : null,
    highestLimit: Math.max(0, ...numbers("limit")) / 1_000,
    faults: lines.filter(([key]) => key === "fault").map(([, value]) => value),
  };
}

/** CPU time that a node has used since it started, as it sees it itself, in microseconds. */
export async function readUsedUs(node: NodeHandle): Promise<number> {
  const input = `${cgroupShell()}\ncounters ""\necho "$USED"`;
  return Number((await node.exec(["bash", "-s"], { timeoutMs: TIMEOUT_MS, input })).stdout);
}

/** What a short look at one node found. Shares are percent of its capacity. */
export interface Look {
  /** The fault's group and its controller are there. */
  readonly there: boolean;
  /** By the counter that this machine's kernel keeps of the node's container. */
  readonly percent: number;
  readonly userPercent: number;
  readonly systemPercent: number;
  /** Percent of the time in which something on the node waited for a CPU; null where the kernel does not tell. */
  readonly stalledPercent: number | null;
  /** Percent of the periods in which the node hit its own cap. */
  readonly throttledPercent: number;
  /** CPUs that the node may use now; null: as many as there are. */
  readonly cap: number | null;
  readonly canaryMs: number | null;
  readonly canaryBeforeMs: number | null;
  /** Percent of the whole machine's CPU time that was idle. */
  readonly machineIdlePercent: number;
  /** What the controller has written down, newest last. */
  readonly samples: readonly Reading[];
}

const lookScript = (id: string, seconds: number) => `
ID=${id} DIR=/run/faultline/${id}
${TELL}
${CANARY}
exec 9<> <(:)
counters ""; pressure; tell before
MS=
[ -d "$CPU$PODS/$ID-canary" ] && canary
read -t ${seconds} -u 9
counters ""; pressure; tell after
limits ""
echo "cap=$QUOTA/$PERIOD"
echo "canary=$MS"
[ -r "$DIR/canary" ] && read -r before < "$DIR/canary" && echo "canaryBefore=$before"
[ -d "$CPU$PODS/$ID" ] && systemctl is-active --quiet "$ID-control" && echo there=1
[ -r "$DIR/samples" ] && tail -n 4000 "$DIR/samples" | sed 's/^/sample=/'
true`;

/** @param seconds for how long is looked at least. */
export async function lookAtCpu(
  node: NodeHandle & { readonly container: ContainerHandle },
  id: string,
  capacity: number,
  seconds: number,
): Promise<Look> {
  const idle = idleShare();
  const input = lookScript(id, seconds);
  const [{ stdout }, readings] = await during(
    node.exec(["bash", "-s"], { timeoutMs: TIMEOUT_MS, input }),
    node.container,
  );
  const lines = pairsOf(stdout);
  const fields = new Map(lines);
  const change = (key: string) => Number(fields.get(`after.${key}`)) - Number(fields.get(`before.${key}`));
  const share = (key: string, of: number) => (of > 0 ? (change(key) / of) * 100 : 0);
  const percent = (cpusOf(readings) / capacity) * 100;
  const [quota = -1, period = 0] = (fields.get("cap") ?? "").split("/").map(Number);
  return {
    there: fields.get("there") === "1",
    percent,
    // The kernel brings these two up to date at other instants than their sum: so only their proportion is taken.
    userPercent: percent * (change("USER_US") / Math.max(1, change("USER_US") + change("SYSTEM_US"))),
    systemPercent: percent * (change("SYSTEM_US") / Math.max(1, change("USER_US") + change("SYSTEM_US"))),
    stalledPercent: fields.get("after.STALLED") === "" ? null : share("STALLED", change("atUs")),
    throttledPercent: share("THROTTLED", change("PERIODS")),
    cap: quota > 0 ? quota / period : null,
    canaryMs: numberOf(fields.get("canary")),
    canaryBeforeMs: numberOf(fields.get("canaryBefore")),
    machineIdlePercent: idle(),
    samples: lines.filter(([key]) => key === "sample").map(([, value]) => sampleOf(value)),
  };
}

const sampleOf = (line: string): Reading => {
  const [atUs = 0, usedUs = 0] = line.split(" ").map(Number);
  return { atMs: atUs / 1_000, usedMs: usedUs / 1_000 };
};

const numberOf = (text: string | undefined) => (text === undefined || text === "" ? null : Number(text));

/** `key=value`, one a line. */
export function pairsOf(output: string): readonly (readonly [string, string])[] {
  return output.split("\n").flatMap((line) => {
    const at = line.indexOf("=");
    return at < 0 ? [] : [[line.slice(0, at), line.slice(at + 1)] as const];
  });
}

/** Reads the container's counter until `work` is done. */
async function during<T>(work: Promise<T>, container: ContainerHandle): Promise<readonly [T, readonly Reading[]]> {
  const readings: Reading[] = [];
  let working = true;
  const done = work.finally(() => {
    working = false;
  });
  const read = async () => {
    while (working) {
      const usedMs = await container.cpuUsageMs();
      readings.push({ atMs: performance.now(), usedMs });
      await sleep(20);
    }
  };
  const [result] = await Promise.all([done, read()]);
  return [result, readings];
}

/** @returns what tells how much of the machine's CPU time was idle since this call, in percent. */
function idleShare(): () => number {
  const sum = () => {
    const times = cpus().map((cpu) => cpu.times);
    const all = times.reduce((total, { user, nice, sys, idle, irq }) => total + user + nice + sys + idle + irq, 0);
    return { all, idle: times.reduce((total, { idle }) => total + idle, 0) };
  };
  const before = sum();
  return () => {
    const now = sum();
    return now.all === before.all ? 0 : ((now.idle - before.idle) / (now.all - before.all)) * 100;
  };
}
