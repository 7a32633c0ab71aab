/**
 * A power cut: every process on a node ends at once, without a last word, and its address answers no more. At the revert
 * it boots again; its pods' containers start anew, what they had in memory is lost and their disks are kept.
 *
 * The node's container is killed, and started again. Its lease is held by a shell on this machine.
 */
import { endOnHost, renewOnHost, startOnHost } from "../cluster/host-guard.ts";
import { isAlive } from "../cluster/owner.ts";
import type { NodeCrashFault } from "../fault-specs.ts";
import type { Fault } from "./fault.ts";
import { faultName } from "./names.ts";
import { evidenceOf, type Finding, untilClean } from "./node/findings.ts";
import { chooseMachines, isHere, look, type Machine, whenIn } from "./node/machine.ts";
import { lookIfBooted, readyPodsOn } from "./node/reboot.ts";
import { targetProblems } from "./targets.ts";

export type CrashUndo = {
  readonly id: string;
  readonly machines: readonly Machine[];
  /** Uids of the pods that were ready on each node, in the machines' order: those that must be again. */
  readonly ready: readonly (readonly string[])[];
};

const partOf = ({ id, machines }: CrashUndo) => ({
  id,
  inject: whenIn("running|paused", machines, "kill"),
  undo: whenIn("exited|created", machines, "start"),
});

export const nodeCrash: Fault<NodeCrashFault, CrashUndo> = {
  kind: "node.crash",
  needs: ["node-container", "kubelet-port"],
  oneShot: false,
  drawAs: { label: "a node is without power", colour: "#d55e00" },
  model: "a crash is the end of every process on the node at once; the kernel, which nodes share here, goes on",

  validate: (spec) => targetProblems("targets", spec.targets),

  async prepare(spec, context) {
    const machines = await chooseMachines(context, spec.targets);
    const ready = await Promise.all(machines.map(async ({ name }) => readyPodsOn(context.cluster.kube, name)));
    return { id: faultName("crash", context.runId, context.faultId), machines, ready };
  },

  inject: (undo, _, leaseMs) => startOnHost(partOf(undo), leaseMs),
  renew: (undo, _, leaseMs) => renewOnHost(undo.id, leaseMs),

  verifyEffective: async ({ machines }) => evidenceOf(await Promise.all(machines.map(isDead)), "all"),

  async revert(undo) {
    if (undo.machines.every(isHere)) await endOnHost(partOf(undo));
  },

  async verifyReverted({ machines, ready }, context) {
    return untilClean(machines, context, async (machine) =>
      lookIfBooted(machine, ready[machines.indexOf(machine)] ?? [], context),
    );
  },

  unsettles: ({ machines }) => machines.map(({ name }) => name),
  byHand: ({ machines }) => machines.map(({ name }) => `docker start ${name}`),
};

/** The kernel of this machine knows the node's first process no more, and nobody takes a connection at its address. */
async function isDead(machine: Machine): Promise<Finding> {
  const answer = await look(machine);
  const runs = isAlive(machine.process);
  const said =
    answer.reached === "tls" ? "answered in" : `${answer.reached === "tcp" ? "was silent" : "was not reached"} for`;
  return {
    name: machine.name,
    inEffect: !runs && answer.reached === "none",
    saw: `its first process ${runs ? "runs" : "is gone"}, its kubelet ${said} ${answer.ms} ms`,
    values: { kubelet: answer.reached, lookMs: answer.ms, firstProcess: runs ? "runs" : "gone" },
  };
}
