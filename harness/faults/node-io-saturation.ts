/**
 * The containers of a node get as little of its disk as if others kept it busy: each may begin so many writes a second,
 * and so commits, fsyncs and direct writes wait their turn. See io/throttle.ts.
 *
 * The disk is not kept busy in fact: nodes share the machine's, and so would everything else on it.
 */
import { FaultlineError } from "../errors.ts";
import type { IoSaturationFault } from "../fault-specs.ts";
import { numberProblems } from "./cpu/spec.ts";
import type { Fault, FaultContext } from "./fault.ts";
import { type DiskLook, lookAtDisk, readDevice } from "./io/look.ts";
import { canaryFile, throttlePart } from "./io/throttle.ts";
import { onEach } from "./kubelet/nodes.ts";
import { faultName } from "./names.ts";
import { evidenceOf, type Finding, untilClean } from "./node/findings.ts";
import { endOnNode, renewOnNode, startOnNode } from "./node/on-node.ts";
import { nodeOf } from "./pods/containers.ts";
import { chooseNodes, targetProblems } from "./targets.ts";

type BusyNode = { readonly name: string; readonly device: string };
export type IoSaturationUndo = {
  readonly id: string;
  readonly iops: number;
  readonly nodes: readonly BusyNode[];
};

const IOPS = { least: 5, most: 100 };
/** Of what was asked for: the kernel gives writes out in slices, and a canary's time is short. */
const TOLERANCE = 1.5;
/** A disk that gives so many times what is asked for can be told from one that is held back. */
const CLEARLY = 3;
/** A group that was made this instant gets its limit with the next round. */
const LOOKS = 4;

export const ioSaturation: Fault<IoSaturationFault, IoSaturationUndo> = {
  kind: "node.io-saturation",
  needs: ["node-exec", "io-throttle"],
  oneShot: false,
  drawAs: { label: "a node's disk is busy", colour: "#35978f" },
  model:
    "a disk that others keep busy: the kernel lets each container of the node begin only so many writes a second; the disk itself, which all nodes of a machine share, is left alone",

  validate: ({ targets, iops }) => [...targetProblems("targets", targets), ...numberProblems("iops", iops, IOPS)],

  async prepare({ targets, iops }, context) {
    const id = faultName("io", context.runId, context.faultId);
    const names = await chooseNodes(context, targets);
    const nodes = (await context.cluster.nodes()).filter(({ name }) => names.includes(name));
    const chosen = nodes.map(async (node) => {
      const device = await readDevice(node);
      refuse(node.name, await lookAtDisk(node, id, device, iops), iops);
      return { name: node.name, device };
    });
    return { id, iops, nodes: await Promise.all(chosen) };
  },

  inject: async (undo, context, leaseMs) =>
    onEach(context, undo.nodes, async (node) => startOnNode(node, partOf(undo, node.name), leaseMs)),
  renew: async ({ id, nodes }, context, leaseMs) =>
    onEach(context, nodes, async (node) => renewOnNode(node, id, leaseMs)),

  verifyEffective: async (undo, context) =>
    evidenceOf(await Promise.all(undo.nodes.map(async (node) => untilHeldBack(undo, node, context))), "all"),

  revert: async (undo, context) =>
    onEach(context, undo.nodes, async (node) => endOnNode(node, partOf(undo, node.name))),

  verifyReverted: async (undo, context) =>
    untilClean(undo.nodes, context, async (node) => {
      const { limited, ...finding } = await lookAt(undo, node, context);
      return { ...finding, inEffect: limited > 0 || finding.inEffect };
    }),

  byHand: ({ id, nodes }) =>
    nodes.map(
      ({ name, device }) =>
        `docker exec ${name} sh -c 'systemctl stop ${id}-guard ${id}-keep; for at in $(find /sys/fs/cgroup/blkio -name blkio.throttle.write_iops_device); do echo "${device} 0" > $at; done; rm -rf /run/faultline/${id} ${canaryFile(id)}-*'`,
    ),
};

function refuse(name: string, { groups, limited, rates }: DiskLook, iops: number): void {
  const slowest = Math.min(...rates);
  const [why, fix] =
    limited > 0
      ? [
          `${limited} of ${groups} groups of pods on ${name} have a limit on writes already`,
          "run `faultline revert` to end what an earlier run left, or let the faults follow each other",
        ]
      : rates.length === 0
        ? [`${name} runs no container whose writes could be measured`, "choose a node that runs pods"]
        : slowest < iops * CLEARLY
          ? [
              `the disk of ${name} gives ${slowest} writes a second as it is: ${iops} could not be told from it`,
              `ask for fewer than ${Math.floor(slowest / CLEARLY)}, or run it when the machine is not so busy`,
            ]
          : [null, ""];
  if (why !== null) throw new FaultlineError("fault", why, { fix });
}

function partOf({ id, iops, nodes }: IoSaturationUndo, name: string) {
  return throttlePart({ id, iops, device: nodes.find((node) => node.name === name)?.device ?? "0:0" });
}

async function lookAt({ id, iops }: IoSaturationUndo, { name, device }: BusyNode, context: FaultContext) {
  const node = await nodeOf(context, name);
  const stopped = node?.container !== undefined && (await node.container.state()).status !== "running";
  if (node === null || stopped) return { name, limited: 0, inEffect: false, saw: "it does not run any more" };
  const { groups, limited, rates, stalledPercent } = await lookAtDisk(node, id, device, iops);
  const fastest = Math.max(0, ...rates);
  return {
    name,
    limited,
    inEffect: rates.length > 0 && fastest <= iops * TOLERANCE,
    saw: `a canary in the groups of ${rates.length} containers made ${rates.join(", ")} writes a second (asked for: ${iops})${stalledPercent === null ? "" : `, something waited for the disk ${stalledPercent} % of the time`}, and ${limited} of ${groups} groups of pods are limited`,
    values: {
      iops,
      fastestWritesPerSecond: fastest,
      slowestWritesPerSecond: rates.length === 0 ? 0 : Math.min(...rates),
      ...(stalledPercent === null ? {} : { stalledPercent }),
      groups,
      limitedGroups: limited,
    },
  } satisfies Finding & { limited: number };
}

/** In effect when every group has its limit, and the canaries are as slow as that. */
async function untilHeldBack(undo: IoSaturationUndo, node: BusyNode, context: FaultContext): Promise<Finding> {
  let finding: Finding = { name: node.name, inEffect: false, saw: "nobody looked" };
  for (let looks = 0; looks < LOOKS && !context.signal.aborted; looks += 1) {
    const { limited, ...seen } = await lookAt(undo, node, context);
    finding = { ...seen, inEffect: seen.inEffect && limited > 0 && limited === Number(seen.values?.groups) };
    if (finding.inEffect || limited === 0) break;
  }
  return finding;
}
