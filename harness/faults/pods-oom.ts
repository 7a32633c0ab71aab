/**
 * The memory of a container is used up, until the kernel kills its process. One-shot: it is in until that has happened.
 *
 * Pages of a file in memory are charged to the cgroup of whoever writes them, and belong to no process that the kernel
 * could kill instead of the container's. The container's own limit bounds it.
 */

import { FaultlineError } from "../errors.ts";
import type { OomFault } from "../fault-specs.ts";
import type { Fault, FaultContext } from "./fault.ts";
import { faultName } from "./names.ts";
import type { Finding } from "./node/findings.ts";
import { NODE_FOLDER } from "./node/on-node.ts";
import { nodeOf } from "./pods/containers.ts";
import { lookIfWell, reportOf } from "./pods/kubelet-says.ts";
import {
  type ContainerPart,
  type ContainerTarget,
  chooseContainers,
  endOnNodes,
  FIND_POD_CGROUP,
  startOnNodes,
} from "./pods/on-nodes.ts";
import { lookUntil } from "./pods/settle.ts";
import { targetProblems } from "./targets.ts";

export type OomUndo = { readonly id: string; readonly targets: readonly ContainerTarget[] };

/** The host's memory is shared: what could be used up of it at once is bounded. */
const MAX_LIMIT = 2 ** 31;
/** Of what the node has to give. */
const MAX_SHARE = 0.5;
const TOLD_WITHIN_MS = 20_000;
const BLINK_MS = 2_000;

export const podsOom: Fault<OomFault, OomUndo> = {
  kind: "pods.oom",
  needs: ["node-exec", "container-runtime"],
  oneShot: true,
  drawAs: { label: "containers run out of memory", colour: "#b03060" },

  validate: (spec) => targetProblems("targets", spec.targets),

  async prepare(spec, context) {
    const id = faultName("oom", context.runId, context.faultId);
    const targets = await chooseContainers(context, id, spec.targets, spec.container);
    for (const target of targets) refuseUnbounded(target);
    await refuseTooMuch(targets, context);
    return { id, targets };
  },

  async inject(undo, context, leaseMs) {
    await startOnNodes(partOf(undo), context, leaseMs);
    await lookInto(undo, context, Math.min(TOLD_WITHIN_MS, context.budgetMs));
  },

  /** The kubelet's word for the end of that very container, and the kernel's count of kills in its cgroup. */
  verifyEffective: (undo, context) => lookInto(undo, context, BLINK_MS),

  revert: (undo, context) => endOnNodes(partOf(undo), context),

  verifyReverted: (undo, context) =>
    lookUntil({ what: "the pods to be ready", wanted: false, timeoutMs: context.budgetMs }, context, async () =>
      Promise.all(undo.targets.map(async (target) => lookIfWell(target, context))),
    ),

  byHand: ({ id, targets }) => [
    ...new Set(targets.map(({ node }) => `docker exec ${node} rm -rf ${NODE_FOLDER}/${id}`)),
  ],
};

function refuseUnbounded({ namespace, name, container, memoryLimit }: ContainerTarget): void {
  if (memoryLimit > 0 && memoryLimit <= MAX_LIMIT) return;
  const what =
    memoryLimit === 0 ? "no memory limit: it would take the machine's" : `a memory limit of ${memoryLimit} bytes`;
  throw new FaultlineError("fault", `container ${container} of ${namespace}/${name} has ${what}`, {
    fix: `give it resources.limits.memory of at most ${MAX_LIMIT} bytes`,
  });
}

async function refuseTooMuch(targets: readonly ContainerTarget[], context: FaultContext): Promise<void> {
  for (const [name, ours] of Map.groupBy(targets, ({ node }) => node)) {
    const node = await nodeOf(context, name);
    const read = [
      "sh",
      "-c",
      "while read -r key value _; do [ $key = MemAvailable: ] && echo $value; done < /proc/meminfo; true",
    ];
    const available = Number((await node?.exec(read, { timeoutMs: 15_000 }))?.stdout ?? 0) * 1_024;
    const asked = ours.reduce((sum, { memoryLimit }) => sum + memoryLimit, 0);
    if (asked <= available * MAX_SHARE) continue;
    throw new FaultlineError("fault", `${asked} bytes would be used up on ${name}, which has ${available} to give`, {
      fix: "choose fewer pods with `count`, or lower their memory limits",
    });
  }
}

async function lookInto(undo: OomUndo, context: FaultContext, timeoutMs: number) {
  const kills = await kernelKills(undo, context);
  return await lookUntil({ what: "containers killed", wanted: true, timeoutMs }, context, async () =>
    Promise.all(undo.targets.map(async (target) => lookIfKilled(target, context, kills.get(target.containerId)))),
  );
}

async function lookIfKilled(
  target: ContainerTarget,
  context: FaultContext,
  kills: number | undefined,
): Promise<Finding> {
  const { name, containerId } = target;
  const report = await reportOf(target, context);
  if (report === null) return { name, inEffect: false, saw: "is gone" };
  const { ended, restarts } = report;
  const itself = ended?.containerID === containerId ? ended : null;
  const exitCode = itself?.exitCode ?? "none";
  const counted = kills === undefined ? "" : `; the kernel counted ${kills} kills in its cgroup`;
  return {
    name,
    // A runtime under load may hear of the end before it hears of the reason; the kernel's count does not miss it.
    inEffect: exitCode === 137 && (itself?.reason === "OOMKilled" || (kills ?? 0) > 0),
    saw: `${itself === null ? "its container has not ended" : `${itself.reason}, exit code ${exitCode}`}${counted}`,
    values: { restarts, reason: itself?.reason ?? "", exitCode, kernelKills: kills ?? "not read" },
  };
}

/** By container, as read from its cgroup before that went; a node that has put itself right has forgotten it. */
async function kernelKills(undo: OomUndo, context: FaultContext): Promise<ReadonlyMap<string, number>> {
  const nodes = [...new Set(undo.targets.map(({ node }) => node))];
  const texts = await Promise.all(
    nodes.map(async (name) => {
      const node = await nodeOf(context, name);
      const read = ["cat", `${NODE_FOLDER}/${undo.id}/kills`];
      return (await node?.exec(read, { timeoutMs: 15_000, accept: "any" }))?.stdout ?? "";
    }),
  );
  const rows = texts.flatMap((text) => text.split("\n").map((line) => line.split(" ")));
  return new Map(rows.flatMap(([id, count]) => (id && count ? [[id, Number(count)] as const] : [])));
}

/** `$1` the pod's uid, `$2` the container's id, `$3` its limit in bytes. A container that is not there was killed before. */
const FILL = `${FIND_POD_CGROUP}
exec 9<> <(:)
counted() {
  local key value
  for file in memory.oom_control memory.events; do
    [ -r "$scope/$file" ] || continue
    while read -r key value; do [ "$key" != oom_kill ] || kills=$value; done < "$scope/$file"
  done 2> /dev/null
}
fill() {
  local pod scope writer tries kills=0 first
  pod=$(pod_cgroup "$1") || return 0
  for scope in "$pod"/*"$2"*/; do break; done
  [ -d "$scope" ] || return 0
  read -r first < "\${scope}cgroup.procs" || return 0
  for tries in 1 2 3; do
    ( echo "$BASHPID" > "\${scope}cgroup.procs" && exec dd if=/dev/zero of="$DIR/fill-$2" bs=64k count=$(($3 / 65536 + 16)) ) 2>> "$DIR/log" &
    writer=$!
    echo "$writer" >> "$DIR/writers"
    while [ -d "/proc/$first" ] && [ -d "/proc/$writer" ] && ((SECONDS < 30)); do
      counted
      read -t 0.01 -u 9
    done
    counted
    [ -d "/proc/$first" ] || break
  done
  kill -9 "$writer" 2> /dev/null
  rm -f "$DIR/fill-$2"
  echo "$2 $kills" >> "$DIR/kills"
}`;

const partOf = ({ id, targets }: OomUndo): ContainerPart => ({
  id,
  targets,
  inject: (ours) =>
    `${FILL}\n${ours.map(({ uid, containerId, memoryLimit }) => `fill ${uid} ${containerId} ${memoryLimit}`).join("\n")}`,
  undo: () => `while read -r writer; do
  grep --quiet "$DIR/fill" "/proc/$writer/cmdline" 2> /dev/null && kill -9 "$writer"
done < "$DIR/writers" 2> /dev/null
rm -f "$DIR"/fill-*`,
});
