/**
 * Nodes that stay overloaded go down, one after the other, for as long as the fault is in: what a kernel panic under load
 * does to a cluster. The shell that holds the fault's lease watches them and pauses their containers; see
 * overload/watch.ts. Before the first one is down the fault is armed, and that counts as its effect.
 */
import { availableParallelism, uptime } from "node:os";
import { endOnHost, leftOnHost, readFromGuard, renewOnHost, startOnHost } from "../cluster/host-guard.ts";
import type { CpuFiles, NodeHandle } from "../cluster/provider.ts";
import { waitFor } from "../cluster/wait.ts";
import { parseDuration, toMs } from "../define/duration.ts";
import { FaultlineError } from "../errors.ts";
import type { OverloadCrashFault } from "../fault-specs.ts";
import { readUsedUs } from "./cpu/look.ts";
import { numberProblems } from "./cpu/spec.ts";
import type { Fault, FaultContext } from "./fault.ts";
import { faultName } from "./names.ts";
import { evidenceOf, type Finding, untilClean } from "./node/findings.ts";
import { chooseMachines, isHere, lookIfBack, type Machine, whenIn } from "./node/machine.ts";
import { standsStill } from "./node/still.ts";
import { usualMaxDown } from "./overload/max-down.ts";
import { downLines, type Rule, seenLines, type WatchLine, watchScript } from "./overload/watch.ts";
import { targetProblems } from "./targets.ts";

type WatchedMachine = Machine & { readonly files: { readonly [K in keyof CpuFiles]: CpuFiles[K] } };
export type OverloadCrashUndo = {
  readonly id: string;
  readonly rule: { readonly [K in keyof Rule]: Rule[K] };
  readonly machines: readonly WatchedMachine[];
};

const WORD = "overload";
const THRESHOLD = { least: 50, most: 99, fractions: true };
const MAX_DOWN = { least: 1, most: 100 };
const FOR_MS = { least: 1_000, most: 600_000 };
/** The watch looks four times a second, but for up to 10 s in which a node resists its pause; one silent for longer does not run. */
const SILENT_MS = 15_000;

const partOf = ({ id, rule, machines }: OverloadCrashUndo) => ({
  id,
  inject: ":",
  undo: whenIn("paused", machines, "unpause"),
  watch: watchScript(machines, rule),
});

export const overloadCrash: Fault<OverloadCrashFault, OverloadCrashUndo> = {
  kind: "node.overload-crash",
  needs: ["node-exec", "node-container", "kubelet-port"],
  oneShot: false,
  drawAs: { label: "overloaded nodes go down", colour: "#7f3b08" },
  model:
    "a model of a kernel panic under load: a node whose CPU use stays above a threshold is paused by a watch, because nodes that share one kernel cannot panic alone",

  validate: (spec) => {
    const forMs = parseDuration(String(spec.for));
    const inTime = forMs !== null && forMs >= FOR_MS.least && forMs <= FOR_MS.most;
    return [
      ...targetProblems("targets", spec.targets),
      ...numberProblems("threshold", spec.threshold, THRESHOLD),
      ...(inTime ? [] : [{ path: "for", message: `a duration from 1s to 10m, not ${JSON.stringify(spec.for)}` }]),
      ...(spec.maxDown === undefined ? [] : numberProblems("maxDown", spec.maxDown, MAX_DOWN)),
    ];
  },

  async prepare(spec, context) {
    const machines = await chooseMachines(context, { atMost: "100%", ...spec.targets });
    await refuseWatched(machines);
    const nodes = await context.cluster.nodes();
    const rule = {
      threshold: spec.threshold,
      forMs: toMs(spec.for),
      maxDown: spec.maxDown ?? usualMaxDown(nodes.length),
      processors: availableParallelism(),
    };
    const watched = machines.map(async (machine) => {
      const files = await nodes.find(({ name }) => name === machine.name)?.container?.cpuFiles();
      if (files !== undefined) return { ...machine, files: { ...files } };
      throw new FaultlineError("fault", `${machine.name} is gone, or is no container of this machine any more`);
    });
    return { id: faultName(WORD, context.runId, context.faultId), rule, machines: await Promise.all(watched) };
  },

  inject: (undo, _, leaseMs) => startOnHost(partOf(undo), leaseMs),
  renew: (undo, _, leaseMs) => renewOnHost(undo.id, leaseMs),

  async verifyEffective(undo, context) {
    const evidence = evidenceOf(
      await Promise.all(undo.machines.map((machine) => lookAt(undo, machine, context))),
      "all",
    );
    const down = downLines(await readFromGuard(undo.id, "downs")).length;
    const { threshold, maxDown } = undo.rule;
    return { ...evidence, values: { ...evidence.values, threshold, maxDown, down } };
  },

  async revert(undo) {
    if (undo.machines.every(isHere)) await endOnHost(partOf(undo));
  },

  verifyReverted: async ({ id, machines }, context) =>
    untilClean(machines, context, async (machine) => {
      const finding = await lookIfBack(machine, context);
      const watched = isHere(machine) && (await readFromGuard(id, "until")) !== null;
      return watched ? { ...finding, inEffect: true, saw: `${finding.saw}; it is watched still` } : finding;
    }),

  unsettles: ({ machines }) => machines.map(({ name }) => name),
  byHand: ({ machines }) => machines.map(({ name }) => `docker unpause ${name}`),
};

/** Two watches would take more nodes down than either may. */
async function refuseWatched(machines: readonly Machine[]): Promise<void> {
  for (const id of (await leftOnHost()).filter((one) => one.startsWith(`faultline-${WORD}-`))) {
    const script = (await readFromGuard(id, "watch.sh")) ?? "";
    const watched = machines.find(({ container }) => script.includes(container));
    if (watched === undefined) continue;
    throw new FaultlineError("fault", `${watched.name} is watched by ${id} already`, {
      fix: "run `faultline revert` to end what an earlier run left, or let the faults follow each other",
    });
  }
}

async function lookAt(undo: OverloadCrashUndo, machine: Machine, context: FaultContext): Promise<Finding> {
  const findDown = async () => {
    const lines = downLines(await readFromGuard(undo.id, "downs"));
    return lines.find(({ node }) => node === machine.name);
  };
  const before = await findDown();
  if (before !== undefined) return await isDown(machine, before);
  const node = (await context.cluster.nodes()).find(({ name }) => name === machine.name);
  if (node === undefined) return { name: machine.name, inEffect: false, saw: "it is gone" };
  const finding = await isWatched(undo, node, context).catch((error: unknown) => error as Error);
  if (!(finding instanceof Error) && finding.inEffect) return finding;
  // It may have gone down while it was looked at.
  const since = await findDown();
  if (since !== undefined) return await isDown(machine, since);
  if (finding instanceof Error) throw finding;
  return finding;
}

async function isDown(machine: Machine, down: WatchLine): Promise<Finding> {
  const still = await standsStill(machine);
  const agoS = Math.round((uptime() * 1_000 - down.atMs) / 1_000);
  const values = { ...still.values, state: "down", downPercent: down.percent, downAgoS: agoS };
  const saw = `went down ${agoS} s ago, after ${down.lastedMs / 1_000} s at ${down.percent} %; ${still.saw}`;
  return { ...still, saw, values };
}

/**
 * Armed: what the watch has read of the node lies between what the node itself says before and after. A watch that
 * does not run, or reads something else, is none.
 */
async function isWatched({ id, rule }: OverloadCrashUndo, node: NodeHandle, context: FaultContext): Promise<Finding> {
  const { name } = node;
  // Not "seen": on a busy machine the watch has not looked yet a moment after it was begun.
  if ((await readFromGuard(id, "until")) === null) return { name, inEffect: false, saw: "nobody watches it" };
  const before = await readUsedUs(node);
  const sinceMs = uptime() * 1_000;
  const seen = await waitFor({
    what: `the watch of ${name} to look`,
    timeoutMs: SILENT_MS,
    everyMs: 50,
    signal: context.signal,
    probe: async () => {
      const line = seenLines(await readFromGuard(id, "seen")).find((one) => one.node === name);
      const fresh = line !== undefined && line.atMs > sinceMs;
      return fresh ? { done: true, value: line } : { done: false, saw: "no new line of it" };
    },
  }).catch((error: unknown) => {
    if (error instanceof FaultlineError && error.code === "deadline") return null;
    throw error;
  });
  if (seen === null) return { name, inEffect: false, saw: `its watch has not looked for ${SILENT_MS / 1_000} s` };
  const after = await readUsedUs(node);
  const real = before <= seen.usedUs && seen.usedUs <= after;
  const values = { state: "watched", usedPercent: seen.percent, lookedS: seen.lastedMs / 1_000 };
  const saw = real
    ? `watched, ${seen.percent} % in use for ${values.lookedS} s (it goes down after ${rule.forMs / 1_000} s at ${rule.threshold})`
    : `its watch has read ${seen.usedUs} µs of CPU time, and the node says ${before} before and ${after} after`;
  return { name, inEffect: real, saw, values };
}
