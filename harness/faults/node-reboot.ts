/**
 * A node restarts at once: its programs are asked to end, killed after a grace time, and it boots again. Its pods'
 * containers start anew.
 *
 * One-shot: `inject` runs until the new kubelet answers. The lease, held by a shell on this machine, covers the moment in
 * which the node is down: a harness that dies then leaves no dead node.
 */
import { containerHandle } from "../cluster/container.ts";
import { endOnHost, startOnHost } from "../cluster/host-guard.ts";
import { isAlive } from "../cluster/owner.ts";
import { waitFor } from "../cluster/wait.ts";
import { parseDuration, toMs } from "../define/duration.ts";
import type { NodeRebootFault } from "../fault-specs.ts";
import type { Fault, FaultContext } from "./fault.ts";
import { faultName } from "./names.ts";
import { evidenceOf, type Finding, untilClean } from "./node/findings.ts";
import { chooseMachines, isHere, look, type Machine, whenIn } from "./node/machine.ts";
import { lookIfBooted, readyPodsOn } from "./node/reboot.ts";
import { targetProblems } from "./targets.ts";

export type RebootUndo = {
  readonly id: string;
  readonly graceS: number;
  readonly machines: readonly Machine[];
  /** Uids of the pods that were ready on each node, in the machines' order: those that must be again. */
  readonly ready: readonly (readonly string[])[];
};

const DEFAULT_GRACE = "10s";
const MAX_GRACE_MS = 30_000;

export const nodeReboot: Fault<NodeRebootFault, RebootUndo> = {
  kind: "node.reboot",
  needs: ["node-container", "kubelet-port"],
  oneShot: true,
  drawAs: { label: "a node restarts", colour: "#a6761d" },

  validate({ targets, grace }) {
    const problems = [...targetProblems("targets", targets)];
    const ms = parseDuration(String(grace ?? DEFAULT_GRACE));
    if (ms === null || ms > MAX_GRACE_MS) {
      problems.push({ path: "grace", message: `a duration from 0s to 30s, not ${JSON.stringify(grace)}` });
    }
    return problems;
  },

  async prepare(spec, context) {
    const machines = await chooseMachines(context, spec.targets);
    const ready = await Promise.all(machines.map(async ({ name }) => readyPodsOn(context.cluster.kube, name)));
    const graceS = Math.ceil(toMs(spec.grace ?? DEFAULT_GRACE) / 1_000);
    return { id: faultName("reboot", context.runId, context.faultId), graceS, machines, ready };
  },

  async inject(undo, context, leaseMs) {
    // After half an inject the node may have restarted already: once is enough.
    const left = undo.machines.filter((machine) => isAlive(machine.process));
    const part = partOf(undo);
    await startOnHost({ ...part, inject: whenIn("running", left, `restart -t ${undo.graceS}`) }, leaseMs);
    await endOnHost(part);
    await Promise.all(undo.machines.map(async (machine) => untilItAnswers(machine, context)));
  },

  verifyEffective: async ({ machines }) => evidenceOf(await Promise.all(machines.map(hasRestarted)), "all"),

  /** Nothing to put back, but for a node that was stopped and not started. */
  async revert(undo) {
    if (undo.machines.every(isHere)) await endOnHost(partOf(undo));
  },

  verifyReverted: async ({ machines, ready }, context) =>
    untilClean(machines, context, async (machine) =>
      lookIfBooted(machine, ready[machines.indexOf(machine)] ?? [], context),
    ),

  unsettles: ({ machines }) => machines.map(({ name }) => name),
  byHand: ({ machines }) => machines.map(({ name }) => `docker start ${name}`),
};

const partOf = ({ id, machines }: RebootUndo) => ({ id, undo: whenIn("exited|created", machines, "start") });

/** The kernel of this machine knows its first process no more, and another kubelet than before answers. */
async function hasRestarted(machine: Machine): Promise<Finding> {
  const { address, startedAt } = await containerHandle(machine.container).state();
  const answer = await look({ ...machine, address });
  const runs = isAlive(machine.process);
  return {
    name: machine.name,
    inEffect: !runs && answer.reached === "tls",
    saw: `its first process ${runs ? "is the one from before" : "is another one"}, up since ${startedAt}; its kubelet ${answer.reached === "tls" ? `answered in ${answer.ms} ms` : "did not answer"}`,
    values: { firstProcess: runs ? "same" : "another", startedAt, kubelet: answer.reached, lookMs: answer.ms },
  };
}

async function untilItAnswers(machine: Machine, context: FaultContext): Promise<void> {
  await waitFor({
    what: `the kubelet of ${machine.name} to answer after the restart`,
    timeoutMs: context.budgetMs,
    everyMs: 100,
    signal: context.signal,
    probe: async () => {
      const { saw, inEffect } = await hasRestarted(machine);
      return inEffect ? { done: true, value: undefined } : { done: false, saw };
    },
  });
}
