/** What the containers of a node get of its disk: a canary in the groups of some of them writes as fast as it may. */
import type { NodeHandle } from "../../cluster/provider.ts";
import { FaultlineError } from "../../errors.ts";
import { pairsOf } from "../cpu/look.ts";
import { COUNT, canaryFile, throttleShell } from "./throttle.ts";

const TIMEOUT_MS = 60_000;
/** Containers that a canary is put beside, at once. */
const CANARIES = 3;
/** Writes of a canary, past all caches, 4 KiB each: a second's worth, but not fewer. */
const LEAST_WRITES = 10;
/** A canary that takes longer is ended; it has made no more writes than it should by then. Seconds. */
const LONGEST_S = 10;

/** The disk below a node's containers as the kernel numbers it, `major:minor`. */
export async function readDevice(node: NodeHandle): Promise<string> {
  const script = `device=$(findmnt -nro MAJ:MIN -T /var/lib/containerd)
[ ! -e "/sys/dev/block/$device/partition" ] || device=$(cat "/sys/dev/block/$device/../dev")
[ -e "/sys/dev/block/$device" ] && echo "$device"`;
  const { stdout } = await node.exec(["bash", "-c", script], { timeoutMs: TIMEOUT_MS, accept: "any" });
  if (/^\d+:\d+$/.test(stdout.trim())) return stdout.trim();
  throw new FaultlineError(
    "fault",
    `${node.name} has its containers on no block device that writes could be limited on`,
  );
}

export interface DiskLook {
  /** Control groups in which something of a pod may run, and how many of them have a limit. */
  readonly groups: number;
  readonly limited: number;
  /** Writes a second, of each canary; empty: no container runs. */
  readonly rates: readonly number[];
  /** Percent of the time in which something on the node waited for the disk; null where the kernel does not tell. */
  readonly stalledPercent: number | null;
}

/** The canaries are in the containers' groups for the disk alone; they leave nothing. */
const lookScript = (id: string, device: string, writes: number) => `
${throttleShell(device)}
${COUNT}
stalled() {
  local line
  STALLED=
  for at in /sys/fs/cgroup/unified/io.pressure /sys/fs/cgroup/io.pressure; do
    [ -r "$at" ] && read -r line < "$at" && STALLED=\${line##*total=} && return
  done
}
candidates=()
candidate() { local pid; read -r pid < "\${1%/*}/cgroup.procs" && candidates+=("\${1%/*}"); } 2> /dev/null
each candidate
canary() {
  local began=\${EPOCHREALTIME/[.,]/}
  (echo "$BASHPID" > "$1/cgroup.procs" && exec timeout -s KILL ${LONGEST_S} dd if=/dev/zero of="$2" bs=4k count=${writes} oflag=direct status=none) || return
  echo "tookUs=$((\${EPOCHREALTIME/[.,]/} - began))"
}
trap 'rm -f ${canaryFile(id)}-*' EXIT
stalled; from=$STALLED began=\${EPOCHREALTIME/[.,]/}
count=0
for at in "\${candidates[@]}"; do
  [ "$count" -lt ${CANARIES} ] || break
  count=$((count + 1))
  canary "$at" "${canaryFile(id)}-$count" &
done 2> /dev/null
wait
stalled
echo "groups=$GROUPS_ALL"
echo "limited=$GROUPS_LIMITED"
[ -z "$STALLED" ] || echo "stalled=$(((STALLED - from) * 1000 / (\${EPOCHREALTIME/[.,]/} - began)))"
true`;

export async function lookAtDisk(node: NodeHandle, id: string, device: string, iops: number): Promise<DiskLook> {
  const writes = Math.max(LEAST_WRITES, iops);
  const input = lookScript(id, device, writes);
  const { stdout } = await node.exec(["bash", "-s"], { timeoutMs: TIMEOUT_MS, input });
  return diskLookIn(stdout, writes);
}

/** Pure. */
export function diskLookIn(output: string, writes: number): DiskLook {
  const lines = pairsOf(output);
  const numbers = (key: string) => lines.filter(([name]) => name === key).map(([, value]) => Number(value));
  const [groups = 0] = numbers("groups");
  const [limited = 0] = numbers("limited");
  const [stalled = null] = numbers("stalled");
  return {
    groups,
    limited,
    rates: numbers("tookUs").map((tookUs) => Number(((writes / tookUs) * 1e6).toFixed(1))),
    stalledPercent: stalled === null ? null : stalled / 10,
  };
}
