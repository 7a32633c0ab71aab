/**
 * Every process on a node stands still, the kubelet and the pods among them: a hung machine. The kernel still answers
 * pings and takes connections, so that clients wait instead of being refused.
 *
 * The node's container is paused. Its lease is held by a shell on this machine.
 */
import { containerHandle } from "../cluster/container.ts";
import { endOnHost, renewOnHost, startOnHost } from "../cluster/host-guard.ts";
import type { NodeFreezeFault } from "../fault-specs.ts";
import type { Fault } from "./fault.ts";
import { faultName } from "./names.ts";
import { evidenceOf, type Finding, untilClean } from "./node/findings.ts";
import { chooseMachines, isHere, look, lookIfBack, type Machine, whenIn } from "./node/machine.ts";
import { targetProblems } from "./targets.ts";

export type FreezeUndo = {
  readonly id: string;
  readonly machines: readonly Machine[];
};

/** A node that runs uses several milliseconds in the time of a look; one that stands still uses none. */
const STILL_MS = 0.1;

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

/** The kernel takes a connection to the kubelet, nobody answers on it, and meanwhile no process uses the CPU. */
async function standsStill(machine: Machine): Promise<Finding> {
  const container = containerHandle(machine.container, Number(machine.process.split(".")[0]));
  const before = await container.cpuUsageMs();
  const answer = await look(machine);
  const cpuMs = (await container.cpuUsageMs()) - before;
  const said =
    answer.reached === "tls" ? "answered in" : `${answer.reached === "tcp" ? "was silent" : "was not reached"} for`;
  return {
    name: machine.name,
    inEffect: answer.reached === "tcp" && cpuMs < STILL_MS,
    saw: `its kubelet ${said} ${answer.ms} ms, in which all processes of the node used ${cpuMs.toFixed(1)} ms of CPU`,
    values: { kubelet: answer.reached, lookMs: answer.ms, cpuMs: Number(cpuMs.toFixed(3)) },
  };
}
