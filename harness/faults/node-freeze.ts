/**
 * Every process on a node stands still, the kubelet and the pods among them: a hung machine. The kernel still answers
 * pings and takes connections, so that clients wait instead of being refused.
 *
 * The node's container is paused. Its lease is held by a shell on this machine.
 */
import { endOnHost, renewOnHost, startOnHost } from "../cluster/host-guard.ts";
import type { NodeFreezeFault } from "../fault-specs.ts";
import type { Fault } from "./fault.ts";
import { faultName } from "./names.ts";
import { evidenceOf, untilClean } from "./node/findings.ts";
import { chooseMachines, isHere, lookIfBack, type Machine, whenIn } from "./node/machine.ts";
import { standsStill } from "./node/still.ts";
import { targetProblems } from "./targets.ts";

export type FreezeUndo = {
  readonly id: string;
  readonly machines: readonly Machine[];
};

const partOf = ({ id, machines }: FreezeUndo) => ({
  id,
  inject: whenIn("running", machines, "pause"),
  undo: whenIn("paused", machines, "unpause"),
});

export const nodeFreeze: Fault<NodeFreezeFault, FreezeUndo> = {
  kind: "node.freeze",
  needs: ["node-container", "kubelet-port"],
  oneShot: false,
  drawAs: { label: "a node stands still", colour: "#0072b2" },

  validate: (spec) => targetProblems("targets", spec.targets),

  prepare: async (spec, context) => ({
    id: faultName("freeze", context.runId, context.faultId),
    machines: await chooseMachines(context, spec.targets),
  }),

  inject: (undo, _, leaseMs) => startOnHost(partOf(undo), leaseMs),
  renew: (undo, _, leaseMs) => renewOnHost(undo.id, leaseMs),

  verifyEffective: async ({ machines }) => evidenceOf(await Promise.all(machines.map(standsStill)), "all"),

  async revert(undo) {
    if (undo.machines.every(isHere)) await endOnHost(partOf(undo));
  },

  verifyReverted: async ({ machines }, context) =>
    untilClean(machines, context, async (machine) => lookIfBack(machine, context)),

  unsettles: ({ machines }) => machines.map(({ name }) => name),
  byHand: ({ machines }) => machines.map(({ name }) => `docker unpause ${name}`),
};
