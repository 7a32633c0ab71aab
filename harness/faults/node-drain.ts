/**
 * As `kubectl drain`: no new pod is placed on a node, and those on it are evicted, their disruption budgets respected.
 * The pods' controllers replace them elsewhere; the revert lifts the cordon and moves nothing back.
 */
import { waitFor } from "../cluster/wait.ts";
import { parseDuration, toMs } from "../define/duration.ts";
import { FaultlineError } from "../errors.ts";
import type { NodeDrainFault } from "../fault-specs.ts";
import type { Fault, FaultContext } from "./fault.ts";
import { onEach } from "./kubelet/nodes.ts";
import { faultName } from "./names.ts";
import {
  cordon,
  evict,
  evictablePods,
  isUnmanaged,
  readCordon,
  runningOn,
  uncordon,
  uncordonScript,
} from "./node/drain.ts";
import { evidenceOf, type Finding, untilClean } from "./node/findings.ts";
import { endOnNode, renewOnNode, startOnNode } from "./node/on-node.ts";
import { chooseNodes, targetProblems } from "./targets.ts";

type DrainedNode = { readonly name: string };
export type DrainUndo = {
  readonly id: string;
  readonly withinMs: number;
  readonly nodes: readonly DrainedNode[];
};

const DEFAULT_WITHIN = "60s";
const MIN_WITHIN_MS = 1_000;
const MAX_WITHIN_MS = 600_000;
/** Between two tries to evict what a disruption budget held back. Milliseconds. */
const RETRY_MS = 500;

const partOf = (id: string, node: string) => ({ id, inject: "true", undo: uncordonScript(node) });

export const nodeDrain: Fault<NodeDrainFault, DrainUndo> = {
  kind: "node.drain",
  needs: ["node-exec"],
  oneShot: false,
  drawAs: { label: "a node is drained", colour: "#f0e442" },

  validate({ targets, within, evictUnmanaged }) {
    const problems = [...targetProblems("targets", targets)];
    const ms = parseDuration(String(within ?? DEFAULT_WITHIN));
    if (ms === null || ms < MIN_WITHIN_MS || ms > MAX_WITHIN_MS) {
      problems.push({ path: "within", message: `a duration from 1s to 10m, not ${JSON.stringify(within)}` });
    }
    if (!["boolean", "undefined"].includes(typeof evictUnmanaged)) {
      problems.push({ path: "evictUnmanaged", message: "true or false" });
    }
    return problems;
  },

  async prepare(spec, context) {
    const names = await chooseNodes(context, spec.targets);
    for (const name of names) await refuseUnfit(name, spec.evictUnmanaged === true, context);
    const id = faultName("drain", context.runId, context.faultId);
    return { id, withinMs: toMs(spec.within ?? DEFAULT_WITHIN), nodes: names.map((name) => ({ name })) };
  },

  async inject(undo, context, leaseMs) {
    const { kube } = context.cluster;
    await onEach(context, undo.nodes, async (node) => startOnNode(node, partOf(undo.id, node.name), leaseMs));
    await Promise.all(undo.nodes.map(async ({ name }) => cordon(kube, name, undo.id)));
    await Promise.all(undo.nodes.map(async (node) => evictAll(node, undo, context, leaseMs)));
  },
  renew: async ({ id, nodes }, context, leaseMs) =>
    onEach(context, nodes, async (node) => renewOnNode(node, id, leaseMs)),

  verifyEffective: async (undo, context) =>
    evidenceOf(await Promise.all(undo.nodes.map(async (node) => isDrained(node, undo, context))), "all"),

  async revert({ id, nodes }, context) {
    await Promise.all(nodes.map(async ({ name }) => uncordonForSure(name, id, context)));
    await onEach(context, nodes, async (node) => endOnNode(node, partOf(id, node.name)));
  },

  verifyReverted: async ({ id, nodes }, context) =>
    untilClean(nodes, context, async ({ name }) => {
      const { gone, by, unschedulable, tainted } = await readCordon(context.cluster.kube, name);
      if (gone) return { name, inEffect: false, saw: "it is no node of the cluster any more" };
      // Whoever cordoned it after us has their reasons.
      const foreign = by !== id && unschedulable;
      const inEffect = by === id || (tainted && !foreign);
      const saw = `pods ${tainted ? "cannot" : "can"} be placed on it${foreign ? ", by a cordon that is not ours" : ""}`;
      return { name, inEffect, saw, values: { tainted: String(tainted) } };
    }),

  byHand: ({ id, nodes }) =>
    nodes.map(
      ({ name }) => `kubectl uncordon ${name} && kubectl annotate node ${name} faultline.dev/drained-by- # ${id}`,
    ),
};

/** Goes on trying while the API server is away. */
async function uncordonForSure(name: string, id: string, context: FaultContext): Promise<void> {
  const probe = async () => {
    await uncordon(context.cluster.kube, name, id);
    return { done: true as const, value: undefined };
  };
  const { budgetMs: timeoutMs, signal } = context;
  await waitFor({ what: `${name} to be uncordoned`, timeoutMs, everyMs: 250, signal, probe });
}

/** The control plane keeps pods away, and the kubelet itself has none left that could be elsewhere. */
async function isDrained({ name }: DrainedNode, undo: DrainUndo, context: FaultContext): Promise<Finding> {
  const { kube } = context.cluster;
  const [{ by, unschedulable, tainted }, left] = await Promise.all([readCordon(kube, name), runningOn(kube, name)]);
  const cordoned = by === undo.id && unschedulable && tainted;
  const those = left.length === 0 ? "" : ` (${left.slice(0, 5).join(", ")}${left.length > 5 ? ", …" : ""})`;
  return {
    name,
    inEffect: cordoned && left.length === 0,
    saw: `pods ${cordoned ? "cannot" : "can"} be placed on it, and its kubelet runs ${left.length} that could be elsewhere${those}`,
    values: { cordoned: String(cordoned), podsLeft: left.length },
  };
}

/** Tries until no pod is left or the time is over, and keeps the lease meanwhile. What is left is for the evidence to say. */
async function evictAll(node: DrainedNode, undo: DrainUndo, context: FaultContext, leaseMs: number): Promise<void> {
  const { kube } = context.cluster;
  let renewed = performance.now();
  const probe = async () => {
    if (performance.now() - renewed > leaseMs / 3) {
      await onEach(context, [node], async (handle) => renewOnNode(handle, undo.id, leaseMs));
      renewed = performance.now();
    }
    const reasons: string[] = [];
    for (const pod of await evictablePods(kube, node.name)) {
      const reason = await evict(kube, pod);
      if (reason !== null) reasons.push(`${pod.metadata.namespace}/${pod.metadata.name}: ${reason}`);
    }
    if (reasons.length > 0) return { done: false as const, saw: reasons.join("; ") };
    // The API server forgets a pod a moment before its kubelet does.
    const left = await runningOn(kube, node.name);
    return left.length === 0 ? { done: true as const, value: undefined } : { done: false as const, saw: left.join() };
  };
  const timeoutMs = Math.min(undo.withinMs, context.budgetMs);
  const { signal } = context;
  await waitFor({ what: `${node.name} to be drained`, timeoutMs, everyMs: RETRY_MS, signal, probe }).catch(
    (error: unknown) => {
      if (!(error instanceof FaultlineError) || error.code !== "deadline") throw error;
      context.log(error.message);
    },
  );
}

async function refuseUnfit(name: string, evictUnmanaged: boolean, context: FaultContext): Promise<void> {
  const { kube } = context.cluster;
  const { by, unschedulable } = await readCordon(kube, name);
  if (unschedulable) {
    const fix = by === "" ? `kubectl uncordon ${name}, or choose another node` : "run `faultline revert`";
    throw new FaultlineError("fault", `${name} is cordoned already${by === "" ? "" : ` by ${by}`}`, { fix });
  }
  const lost = (await evictablePods(kube, name)).filter(isUnmanaged);
  if (lost.length === 0 || evictUnmanaged) return;
  const names = lost.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`).join(", ");
  throw new FaultlineError("fault", `nobody would bring back ${names} from ${name}`, {
    fix: "let a controller own them, or set evictUnmanaged: true",
  });
}
