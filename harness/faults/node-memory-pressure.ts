/**
 * Memory of a node is taken until its kubelet reports MemoryPressure, and the control plane taints the node for it.
 *
 * A kubelet in a container takes the machine's memory for the node's, and never sees a cap. What is available to the node
 * is counted rightly all the same: capacity without the working set of the node's own groups. So a soft threshold is put
 * half of what is taken below what is available, and its grace is longer than any run: nothing is evicted.
 */
import { waitFor } from "../cluster/wait.ts";
import { FaultlineError } from "../errors.ts";
import type { MemoryPressureFault } from "../fault-specs.ts";
import { numberProblems } from "./cpu/spec.ts";
import type { Fault, FaultContext } from "./fault.ts";
import { faultsWithFlags, withoutByHand } from "./kubelet/flags.ts";
import { chooseKubelets, type KubeletNode, onEach, untilKubeletsAnswer } from "./kubelet/nodes.ts";
import { hogPart } from "./memory/hog.ts";
import { askMemory, type Room, readRoom, readTaken, readTold } from "./memory/look.ts";
import { faultName } from "./names.ts";
import { evidenceOf, type Finding, untilClean } from "./node/findings.ts";
import { endOnNode, renewOnNode, startOnNode } from "./node/on-node.ts";
import { isServing } from "./node/serving.ts";
import { nodeOf } from "./pods/containers.ts";
import { targetProblems } from "./targets.ts";

type PressedNode = KubeletNode & { readonly thresholdKiB: number };
export type MemoryPressureUndo = {
  readonly id: string;
  readonly memoryMiB: number;
  readonly reserveMiB: number;
  readonly nodes: readonly PressedNode[];
};

const MEMORY = { least: 256, most: 16_384 };
/** Of the machine's memory, what stays available to others: the larger of these two. */
const RESERVE_MIB = 1_024;
const RESERVE_SHARE = 0.1;
/** Of a capped node's memory. */
const NODE_RESERVE_MIB = 128;
/** The kubelet looks every ten seconds, at counts that may be as old, and the taint follows. Milliseconds. */
const LONGEST_MS = 60_000;

export const memoryPressure: Fault<MemoryPressureFault, MemoryPressureUndo> = {
  kind: "node.memory-pressure",
  needs: ["node-exec", "kubelet-port"],
  oneShot: false,
  drawAs: { label: "a node is short of memory", colour: "#762a83" },
  model:
    "the size of a node that is short of memory: a kubelet in a container takes the machine's memory for the node's, so its soft eviction threshold is raised to where the taken memory makes the node fall below it; nothing is evicted",

  validate: ({ targets, memoryMiB }) => [
    ...targetProblems("targets", targets),
    ...numberProblems("memoryMiB", memoryMiB, MEMORY),
  ],

  async prepare({ targets, memoryMiB }, context) {
    const chosen = await chooseKubelets(context, targets);
    const nodes = await Promise.all(chosen.map(async (node) => pressed(node, memoryMiB, context)));
    const rooms = await roomsOf(context, nodes);
    refuseTooMuch(rooms, memoryMiB);
    const machineMiB = Math.max(0, ...[...rooms.values()].map((room) => room.machineMiB));
    return {
      id: faultName("memory", context.runId, context.faultId),
      memoryMiB,
      reserveMiB: reserveOf(machineMiB),
      nodes,
    };
  },

  async inject(undo, context, leaseMs) {
    await onEach(context, undo.nodes, async (node) => startOnNode(node, partOf(undo, node.name), leaseMs));
    await untilKubeletsAnswer(context, undo.nodes);
  },
  renew: async ({ id, nodes }, context, leaseMs) =>
    onEach(context, nodes, async (node) => renewOnNode(node, id, leaseMs)),

  verifyEffective: async (undo, context) =>
    evidenceOf(await Promise.all(undo.nodes.map(async (node) => untilPressed(undo, node, context))), "all"),

  revert: async (undo, context) =>
    onEach(context, undo.nodes, async (node) => endOnNode(node, partOf(undo, node.name))),

  verifyReverted: async (undo, context) =>
    untilClean(undo.nodes, context, async (node) => {
      const { gone, serves, saw } = await isServing(context.cluster.kube, node.name);
      if (gone) return { name: node.name, inEffect: false, saw };
      const { there, inEffect: _, ...finding } = await lookAt(undo, node, context);
      return { ...finding, inEffect: !serves || there, saw: `${finding.saw}; ${saw}` };
    }),

  unsettles: ({ nodes }) => nodes.map(({ name }) => name),
  byHand: ({ id, nodes }) =>
    nodes.map(
      ({ name }) =>
        `docker exec ${name} sh -c 'systemctl stop ${id}-guard ${id}-hog; ${withoutByHand(id)}; rm -rf /run/faultline/${id}'`,
    ),
};

function partOf({ id, memoryMiB, reserveMiB, nodes }: MemoryPressureUndo, name: string) {
  const thresholdKiB = nodes.find((node) => node.name === name)?.thresholdKiB ?? 0;
  return hogPart({ id, memoryMiB, reserveMiB, thresholdKiB });
}

/** @throws FaultlineError `fault` when it is short of memory already, or has thresholds that flags would replace. */
async function pressed(node: KubeletNode, memoryMiB: number, context: FaultContext): Promise<PressedNode> {
  const { kube } = context.cluster;
  const [{ availableKiB, thresholds }, { condition }] = await Promise.all([
    askMemory(kube, node.name),
    readTold(kube, node.name),
  ]);
  const handle = await nodeOf(context, node.name);
  const others = handle === null ? [] : await faultsWithFlags(handle);
  const why =
    others.length > 0
      ? `the kubelet of ${node.name} has flags of ${others.join(", ")} already`
      : condition !== "False"
        ? `${node.name} says MemoryPressure ${condition} already: the fault could not be told from it`
        : Object.keys(thresholds).length > 0
          ? `the kubelet of ${node.name} has soft thresholds of its own (${JSON.stringify(thresholds)}), which the fault's would replace`
          : null;
  if (why === null) return { ...node, thresholdKiB: availableKiB - memoryMiB * 512 };
  throw new FaultlineError("fault", why, {
    fix: "run `faultline revert` to end what an earlier run left, or let the faults follow each other",
  });
}

async function roomsOf(context: FaultContext, nodes: readonly KubeletNode[]): Promise<ReadonlyMap<string, Room>> {
  const handles = (await context.cluster.nodes()).filter(({ name }) => nodes.some((node) => node.name === name));
  return new Map(await Promise.all(handles.map(async (node) => [node.name, await readRoom(node)] as const)));
}

const reserveOf = (machineMiB: number) => Math.max(RESERVE_MIB, Math.round(machineMiB * RESERVE_SHARE));

/** A machine or a node without memory would kill whatever it likes. */
function refuseTooMuch(rooms: ReadonlyMap<string, Room>, memoryMiB: number): void {
  for (const [name, { nodeMiB }] of rooms) {
    if (nodeMiB === null || nodeMiB >= memoryMiB + NODE_RESERVE_MIB) continue;
    throw new FaultlineError(
      "fault",
      `${name} has ${nodeMiB} MiB left under its cap, and ${NODE_RESERVE_MIB} MiB must stay: ${memoryMiB} MiB cannot be taken`,
      { fix: "lower memoryMiB, or raise cluster.nodeLimits.memoryMiB" },
    );
  }
  const all = memoryMiB * rooms.size;
  for (const { machineMiB, machineAvailableMiB } of rooms.values()) {
    const reserve = reserveOf(machineMiB);
    if (machineAvailableMiB >= all + reserve) continue;
    throw new FaultlineError(
      "fault",
      `this machine has ${machineAvailableMiB} MiB available, and ${reserve} MiB must stay: ${all} MiB cannot be taken`,
      { fix: "lower memoryMiB or the number of targets" },
    );
  }
}

/** `there`: anything of it is left, be it in effect or not. */
async function lookAt(
  { id, memoryMiB }: MemoryPressureUndo,
  { name, thresholdKiB }: PressedNode,
  context: FaultContext,
) {
  const { kube } = context.cluster;
  const node = await nodeOf(context, name);
  const [told, counted, takenMiB] = await Promise.all([
    readTold(kube, name),
    askMemory(kube, name),
    node === null ? 0 : readTaken(node, id),
  ]);
  const threshold = counted.thresholds["memory.available"] ?? "none";
  const isBelow = counted.availableKiB < thresholdKiB;
  const mib = (kib: number) => Math.round(kib / 1024);
  return {
    name,
    running: takenMiB > 0 && threshold === `${thresholdKiB}Ki`,
    there: takenMiB > 0 || threshold !== "none" || told.condition !== "False" || told.tainted,
    inEffect: told.condition === "True" && told.tainted && isBelow && takenMiB >= memoryMiB * 0.9,
    saw: `MemoryPressure ${told.condition}, ${told.tainted ? "tainted for it" : "no taint"}; its kubelet counts ${mib(counted.availableKiB)} MiB available (threshold ${mib(thresholdKiB)}, in force: ${threshold}), and ${takenMiB} MiB are taken`,
    values: {
      memoryPressure: told.condition,
      tainted: told.tainted ? "yes" : "no",
      availableMiB: mib(counted.availableKiB),
      thresholdMiB: mib(thresholdKiB),
      takenMiB,
    },
  } satisfies Finding & { running: boolean; there: boolean };
}

/** Waits for as long as the fault is there and may come into effect yet. A node that is gone is not hit. */
async function untilPressed(undo: MemoryPressureUndo, node: PressedNode, context: FaultContext): Promise<Finding> {
  let last: Finding = { name: node.name, inEffect: false, saw: "its kubelet does not answer" };
  const probe = async () => {
    const { running, there: _, ...finding } = await lookAt(undo, node, context);
    last = finding;
    return finding.inEffect || !running
      ? { done: true as const, value: finding }
      : { done: false as const, saw: finding.saw };
  };
  const timeoutMs = Math.min(LONGEST_MS, context.budgetMs);
  return await waitFor({
    what: `${node.name} to be short of memory`,
    timeoutMs,
    everyMs: 500,
    signal: context.signal,
    probe,
  }).catch((error: unknown): Finding => {
    if (error instanceof FaultlineError && error.code === "deadline") return last;
    throw error;
  });
}
