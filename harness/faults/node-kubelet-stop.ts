/**
 * The kubelet of a node is stopped and the pods run on: nobody starts, probes or reports them, and after the control
 * plane's grace period the node is NotReady although every pod on it serves.
 */
import { hostname } from "node:os";
import type { KubeletStopFault } from "../fault-specs.ts";
import type { Fault } from "./fault.ts";
import { askNode, chooseKubelets, type KubeletNode, onEach } from "./kubelet/nodes.ts";
import { faultName } from "./names.ts";
import { evidenceOf, type Finding, untilClean } from "./node/findings.ts";
import { endOnNode, renewOnNode, startOnNode } from "./node/on-node.ts";
import { isServing } from "./node/serving.ts";
import { targetProblems } from "./targets.ts";

export type KubeletStopUndo = {
  readonly id: string;
  readonly nodes: readonly KubeletNode[];
};

const partOf = (id: string) => ({
  id,
  inject: "systemctl stop kubelet",
  undo: "systemctl is-active --quiet kubelet || systemctl start kubelet",
});

export const kubeletStop: Fault<KubeletStopFault, KubeletStopUndo> = {
  kind: "node.kubelet-stop",
  needs: ["node-exec", "kubelet-port"],
  oneShot: false,
  drawAs: { label: "a kubelet is stopped", colour: "#cc79a7" },

  validate: (spec) => targetProblems("targets", spec.targets),

  prepare: async (spec, context) => ({
    id: faultName("kubelet", context.runId, context.faultId),
    nodes: await chooseKubelets(context, spec.targets),
  }),

  inject: async ({ id, nodes }, context, leaseMs) =>
    onEach(context, nodes, async (node) => startOnNode(node, partOf(id), leaseMs)),
  renew: async ({ id, nodes }, context, leaseMs) =>
    onEach(context, nodes, async (node) => renewOnNode(node, id, leaseMs)),

  verifyEffective: async ({ nodes }) => evidenceOf(await Promise.all(nodes.map(isStopped)), "all"),

  revert: async ({ id, nodes }, context) => onEach(context, nodes, async (node) => endOnNode(node, partOf(id))),

  verifyReverted: async ({ nodes }, context) =>
    untilClean(nodes, context, async (node) => {
      const { gone, serves, saw } = await isServing(context.cluster.kube, node.name);
      if (gone || node.host !== hostname()) return { name: node.name, inEffect: !serves, saw };
      const finding = await isStopped(node);
      return { ...finding, inEffect: !serves || finding.inEffect, saw: `${finding.saw}, and ${saw}` };
    }),

  unsettles: ({ nodes }) => nodes.map(({ name }) => name),
  byHand: ({ nodes }) => nodes.map(({ name }) => `docker exec ${name} systemctl start kubelet`),
};

/** Asked on its own port from outside: with nobody there the node's kernel refuses the connection. */
async function isStopped(node: KubeletNode): Promise<Finding> {
  const { reached, ms } = await askNode(node);
  return {
    name: node.name,
    inEffect: reached === "none",
    saw:
      reached === "none" ? `nobody took the connection to its kubelet in ${ms} ms` : `its kubelet answered in ${ms} ms`,
    values: { kubelet: reached, lookMs: ms },
  };
}
