/**
 * A node as a whole is held at a set share of its CPUs: busy loops in a group beside the pods, with the weight of a pod
 * that asks for so much, fill up what the others leave. See cpu/burn.ts.
 *
 * On a node that is not capped, all of the machine is the node's: so a fault may cap it, or must leave the machine some.
 */
import { hostname } from "node:os";
import { endOnHost, renewOnHost, startOnHost } from "../cluster/host-guard.ts";
import type { ContainerHandle, NodeHandle } from "../cluster/provider.ts";
import { FaultlineError } from "../errors.ts";
import type { CpuSaturationFault } from "../fault-specs.ts";
import { burnPart, UNDO } from "./cpu/burn.ts";
import { type CappedNode, capPart, LIFT } from "./cpu/cap.ts";
import { describeLook, withinBand } from "./cpu/findings.ts";
import { lookAtCpu, type NodeFacts, readFacts } from "./cpu/look.ts";
import { numberProblems } from "./cpu/spec.ts";
import type { Fault, FaultContext } from "./fault.ts";
import { onEach } from "./kubelet/nodes.ts";
import { faultName } from "./names.ts";
import { evidenceOf, type Finding, untilClean } from "./node/findings.ts";
import { endOnNode, renewOnNode, startOnNode } from "./node/on-node.ts";
import { nodeOf } from "./pods/containers.ts";
import { chooseNodes, targetProblems } from "./targets.ts";

type BurningNode = CappedNode & {
  /** CPUs that it has, or will have under the cap. */
  readonly capacity: number;
  readonly processors: number;
  /** Its own cap, which stays; null: none. */
  readonly ownCap: number | null;
};
export type CpuSaturationUndo = {
  readonly id: string;
  readonly percent: number;
  readonly requestMilliCpus: number;
  /** CPUs; for the nodes without a cap of their own. */
  readonly cap: number | null;
  readonly nodes: readonly BurningNode[];
  /** The machine that holds the lease of the cap. */
  readonly host: string;
};

/** What all targets together must leave of the machine, for the control plane and whoever measures. CPUs. */
const SPARE_CPUS = 0.25;
const PERCENT = { least: 1, most: 100, fractions: true };
/** In CPUs; a node's own programs take that much. */
const CAP = { least: 0.25, most: 1_024, fractions: true };
const REQUEST = { least: 10, most: 64_000 };
const USUAL_REQUEST = 1_000;
/** A look lasts half a second; the controller gets this many to come into the band, or come back to it. */
const LOOK_S = 0.5;
const LOOKS = 6;

export const cpuSaturation: Fault<CpuSaturationFault, CpuSaturationUndo> = {
  kind: "node.cpu-saturation",
  needs: ["node-exec", "node-container"],
  oneShot: false,
  drawAs: { label: "a node's CPUs are busy", colour: "#8c510a" },

  validate: ({ targets, percent, cap, requestMilliCpus }) => [
    ...targetProblems("targets", targets),
    ...numberProblems("percent", percent, PERCENT),
    ...(cap === undefined ? [] : numberProblems("cap", cap, CAP)),
    ...(requestMilliCpus === undefined ? [] : numberProblems("requestMilliCpus", requestMilliCpus, REQUEST)),
  ],

  async prepare(spec, context) {
    const names = await chooseNodes(context, spec.targets);
    const all = await context.cluster.nodes();
    const chosen = all.filter(({ name }) => names.includes(name)).map(asContainer);
    const facts = await Promise.all(chosen.map(readFacts));
    const nodes = chosen.map((node, i) => burningNode(node, facts[i] as NodeFacts, spec.cap));
    refuseTooMuch(nodes, spec.percent);
    return {
      id: faultName("cpu", context.runId, context.faultId),
      percent: spec.percent,
      requestMilliCpus: spec.requestMilliCpus ?? USUAL_REQUEST,
      cap: spec.cap ?? null,
      nodes,
      host: hostname(),
    };
  },

  async inject(undo, context, leaseMs) {
    const cap = capOf(undo);
    await Promise.all([
      cap && startOnHost(cap, leaseMs),
      onEach(context, undo.nodes, async (node) => startOnNode(node, burnPart(burnOf(undo, node.name)), leaseMs)),
    ]);
  },

  async renew(undo, context, leaseMs) {
    await Promise.all([
      capOf(undo) && renewOnHost(undo.id, leaseMs),
      onEach(context, undo.nodes, async (node) => renewOnNode(node, undo.id, leaseMs)),
    ]);
  },

  verifyEffective: async (undo, context) =>
    evidenceOf(await Promise.all(undo.nodes.map(async (node) => untilInBand(undo, node, context))), "all"),

  async revert(undo, context) {
    const cap = undo.host === hostname() ? capOf(undo) : null;
    await Promise.all([
      cap && endOnHost(cap),
      onEach(context, undo.nodes, async (node) => endOnNode(node, { id: undo.id, undo: UNDO })),
    ]);
  },

  verifyReverted: async (undo, context) =>
    untilClean(undo.nodes, context, async (target) => {
      const { name, capacity, ownCap } = target;
      const look = await lookAt(undo, target, context, 0.1);
      if (look === null) return { name, inEffect: false, saw: "it does not run any more" };
      const { saw, values } = describeLook(look, undo.percent, capacity);
      return { name, inEffect: look.there || !sameCap(look.cap, ownCap), saw, values };
    }),

  byHand: ({ id, nodes, cap }) =>
    nodes.flatMap(({ name, ownCap }) => [
      `docker exec ${name} sh -c 'systemctl stop ${id}-guard ${id}-control; for at in $(find /sys/fs/cgroup -depth -type d -name "${id}*"); do while ! rmdir $at; do kill -9 $(cat $at/cgroup.procs); done; done; rm -rf /run/faultline/${id}'`,
      ...(cap !== null && ownCap === null ? [`docker ${LIFT} ${name}`] : []),
    ]),
};

function asContainer(node: NodeHandle): NodeHandle & { readonly container: ContainerHandle } {
  if (node.container !== undefined) return { ...node, container: node.container };
  throw new FaultlineError("fault", `${node.name} is no container of this machine: its CPU time cannot be counted`);
}

function burningNode(
  { name, container }: NodeHandle & { readonly container: ContainerHandle },
  { processors, cap: ownCap, highestLimit, faults }: NodeFacts,
  cap: number | undefined,
): BurningNode {
  if (faults.length > 0) {
    throw new FaultlineError("fault", `${name} is under ${faults.join(", ")} already: two would fight over its quota`, {
      fix: "run `faultline revert` to end what an earlier run left, or let the faults follow each other",
    });
  }
  if (cap !== undefined && ownCap === null && highestLimit > cap) {
    throw new FaultlineError(
      "fault",
      `${name} runs something with a limit of ${highestLimit} CPUs: no cap below works`,
      {
        fix: "cap the node when the cluster is made (cluster.nodeLimits.cpus), or lower the limits of the pods",
      },
    );
  }
  return { name, container: container.id, capacity: ownCap ?? cap ?? processors, processors, ownCap };
}

/** A machine without any CPU time left measures nothing right, and its other nodes would be hit as well. */
function refuseTooMuch(nodes: readonly BurningNode[], percent: number): void {
  const wanted = nodes.reduce((sum, { capacity }) => sum + (capacity * percent) / 100, 0);
  const machine = Math.max(0, ...nodes.map(({ processors }) => processors));
  if (wanted <= machine - SPARE_CPUS || nodes.length === 0) return;
  throw new FaultlineError(
    "fault",
    `${percent} % of ${nodes.map(({ name, capacity }) => `${name} (${capacity} CPUs)`).join(", ")} is ${wanted.toFixed(2)} of this machine's ${machine} CPUs, and ${SPARE_CPUS} must be left`,
    { fix: "cap the nodes (cap, or cluster.nodeLimits.cpus), or lower percent or the number of targets" },
  );
}

/** null: no node is capped by this fault. */
function capOf({ id, nodes, cap }: CpuSaturationUndo) {
  const uncapped = nodes.filter(({ ownCap }) => ownCap === null);
  return cap === null || uncapped.length === 0 ? null : capPart(id, uncapped, cap);
}

function burnOf({ id, nodes, percent, requestMilliCpus }: CpuSaturationUndo, name: string) {
  const { capacity, processors } = nodes.find((node) => node.name === name) as BurningNode;
  return { id, target: (capacity * percent) / 100, capacity, processors, requestMilliCpus };
}

/** null: the node is gone, or was stopped. */
async function lookAt(
  undo: CpuSaturationUndo,
  { name, capacity }: BurningNode,
  context: FaultContext,
  seconds: number,
) {
  const node = await nodeOf(context, name);
  const running = node?.container === undefined ? false : (await node.container.state()).status === "running";
  if (node === null || !running) return null;
  return await lookAtCpu(asContainer(node), undo.id, capacity, seconds);
}

const sameCap = (one: number | null, other: number | null) => Math.abs((one ?? 0) - (other ?? 0)) < 0.005;

async function untilInBand(undo: CpuSaturationUndo, target: BurningNode, context: FaultContext): Promise<Finding> {
  let finding: Finding = { name: target.name, inEffect: false, saw: "it does not run" };
  for (let looks = 0; looks < LOOKS && !context.signal.aborted; looks += 1) {
    const look = await lookAt(undo, target, context, LOOK_S);
    if (look === null) break;
    const { name, capacity } = target;
    finding = {
      name,
      inEffect: withinBand(look, undo.percent, capacity),
      ...describeLook(look, undo.percent, capacity),
    };
    if (finding.inEffect || !look.there) break;
  }
  return finding;
}
