/**
 * The kubelet may call the API server only so often, as before Kubernetes 1.27 (5 per second, 10 in a burst): with many
 * pods starting, their addresses and states are published late. Events and the node's lease have limits of their own.
 *
 * Two flags do it, see kubelet/flags.ts; the pods run on.
 */
import { hostname } from "node:os";
import { type Limits, readKubeletCounts, readLimits } from "../cluster/kubelet-facts.ts";
import { FaultlineError } from "../errors.ts";
import type { KubeletThrottleFault } from "../fault-specs.ts";
import type { Fault, FaultContext } from "./fault.ts";
import { START_WITHOUT, startWith, withoutByHand } from "./kubelet/flags.ts";
import { callsFor, expectedMs, timeCalls } from "./kubelet/limits.ts";
import { chooseKubelets, type KubeletNode, onEach, untilKubeletsAnswer } from "./kubelet/nodes.ts";
import { faultName } from "./names.ts";
import { evidenceOf, type Finding, untilClean } from "./node/findings.ts";
import { endOnNode, renewOnNode, startOnNode } from "./node/on-node.ts";
import { isServing } from "./node/serving.ts";
import { targetProblems } from "./targets.ts";

type ThrottledNode = KubeletNode & { readonly before: Limits };
export type KubeletThrottleUndo = {
  readonly id: string;
  readonly limits: Limits;
  readonly nodes: readonly ThrottledNode[];
};

/** Half of the default, so that it can be told from it. */
const MAX_QPS = 25;
const MAX_BURST = 100;
/** Of the expected time: the burst is filled up while the calls are made. */
const TOLERANCE = 0.75;
/** A mean wait that no limiter with calls to spare has. Milliseconds. */
const QUEUED_MS = 500;

const partOf = ({ id, limits }: Pick<KubeletThrottleUndo, "id" | "limits">) => ({
  id,
  inject: `set -eu
${startWith([`--kube-api-qps=${limits.qps}`, `--kube-api-burst=${limits.burst}`])}`,
  undo: START_WITHOUT,
});

export const kubeletThrottle: Fault<KubeletThrottleFault, KubeletThrottleUndo> = {
  kind: "node.kubelet-throttle",
  needs: ["node-exec", "kubelet-port"],
  oneShot: false,
  drawAs: { label: "a kubelet may rarely call the API server", colour: "#009e73" },

  validate: ({ targets, qps, burst }) => [
    ...targetProblems("targets", targets),
    ...wholeNumber("qps", qps, 1, MAX_QPS),
    ...wholeNumber("burst", burst, Number.isInteger(qps) && qps > 0 ? qps : 1, MAX_BURST),
  ],

  async prepare(spec, context) {
    const limits = { qps: spec.qps, burst: spec.burst };
    const chosen = await chooseKubelets(context, spec.targets);
    const nodes = await Promise.all(
      chosen.map(async (node) => {
        const before = await readLimits(context.cluster.kube, node.name);
        if (limits.qps <= before.qps / 2) return { ...node, before };
        const why = `the kubelet of ${node.name} is limited to ${before.qps} calls/s: ${limits.qps} could not be told from it`;
        throw new FaultlineError("fault", why, {
          fix: "ask for half of it or less; if an earlier run left it, run `faultline revert`",
        });
      }),
    );
    return { id: faultName("throttle", context.runId, context.faultId), limits, nodes };
  },

  async inject(undo, context, leaseMs) {
    await onEach(context, undo.nodes, async (node) => startOnNode(node, partOf(undo), leaseMs));
    await untilKubeletsAnswer(context, undo.nodes);
  },
  renew: async ({ id, nodes }, context, leaseMs) =>
    onEach(context, nodes, async (node) => renewOnNode(node, id, leaseMs)),

  verifyEffective: async (undo, context) => {
    const findings = undo.nodes.map(async (node) => isThrottled(undo.limits, node, context));
    return evidenceOf(await Promise.all(findings), "all");
  },

  revert: async (undo, context) => onEach(context, undo.nodes, async (node) => endOnNode(node, partOf(undo))),

  verifyReverted: async ({ nodes, limits }, context) =>
    untilClean(nodes, context, async (node) => {
      const { gone, serves, saw } = await isServing(context.cluster.kube, node.name);
      if (gone) return { name: node.name, inEffect: false, saw };
      const { slow, ...finding } = await isThrottled(limits, node, context);
      const restored = finding.values.qps === node.before.qps && finding.values.burst === node.before.burst;
      return { ...finding, inEffect: !serves || !restored || slow, saw: `${finding.saw}; ${saw}` };
    }),

  unsettles: ({ nodes }) => nodes.map(({ name }) => name),
  byHand: ({ id, nodes }) => nodes.map(({ name }) => `docker exec ${name} sh -c '${withoutByHand(id)}'`),
};

/**
 * The kubelet says that the limits are in force, and its calls take as long as they let them: longer where others wait
 * too. Should calls be given up because of those, then what the limiter counts tells.
 */
async function isThrottled(limits: Limits, node: KubeletNode, context: FaultContext) {
  const { kube } = context.cluster;
  const [inForce, before] = await Promise.all([readLimits(kube, node.name), readKubeletCounts(kube, node.name)]);
  const calls = callsFor(limits);
  // Its own port can be asked from one machine alone.
  const tookMs = node.host === hostname() ? Math.round(await timeCalls(node, calls)) : 0;
  const after = await readKubeletCounts(kube, node.name);
  const waitMs = Math.round((after.waitMs - before.waitMs) / Math.max(1, after.calls - before.calls));
  const expected = Math.round(expectedMs(limits));
  const slow = tookMs >= TOLERANCE * expected || waitMs >= QUEUED_MS;
  return {
    name: node.name,
    slow,
    inEffect: slow && inForce.qps === limits.qps && inForce.burst === limits.burst,
    saw: `its kubelet says ${inForce.qps} calls/s and ${inForce.burst} at once; ${calls} calls took ${tookMs} ms (${expected} expected at ${limits.qps} and ${limits.burst}), each waited ${waitMs} ms for its turn`,
    values: { ...inForce, calls, tookMs, expectedMs: expected, waitMs },
  } satisfies Finding & { slow: boolean };
}

function wholeNumber(path: string, value: number, least: number, most: number) {
  if (Number.isInteger(value) && value >= least && value <= most) return [];
  return [{ path, message: `a whole number from ${least} to ${most}, not ${JSON.stringify(value)}` }];
}
