/**
 * A run of faults alone, in a process of its own that can be killed: the real runner's journal, ledger, lock, timeline and
 * leases around real faults, without workload and load. Called with one argument, a `CrashRun` as JSON; with `dieAt` it
 * sends itself SIGKILL the moment that line is in the journal.
 */
import { hostname } from "node:os";
import { kindProvider } from "../cluster/kind.ts";
import { lockCluster } from "../cluster/lock.ts";
import { faultOf } from "../faults/index.ts";
import { openJournal } from "../journal/journal.ts";
import { plan } from "../plan/plan.ts";
import { seeded } from "../plan/random.ts";
import { processStart, startClock } from "../run/clock.ts";
import { injectFault, measureAgain, revertFault } from "../run/fault-step.ts";
import { createRunFolder } from "../run/run-folder.ts";
import { runTimeline } from "../run/timeline.ts";
import type { Duration, FaultSpec, FaultState, Plan, PlannedStep } from "../types.ts";
import { experiment, planInput } from "./experiment.ts";

export interface CrashRun {
  readonly cluster: string;
  /** Where the faults' pods are; created and labelled by the caller. */
  readonly namespace: string;
  readonly reports: string;
  readonly faults: readonly FaultSpec[];
  /** How long each is held, all at once. */
  readonly hold: Duration;
  readonly seed: number;
  readonly dieAt?: { readonly fault: number; readonly state: FaultState };
  /** A lock that is soon taken for a dead one's, for tests that come from another machine. */
  readonly staleAfterMs?: number;
}

/** The plan of a run of these faults; what recovery reads of it is real. */
export function crashPlan(run: CrashRun): Plan {
  const faults = Object.fromEntries(run.faults.map((spec, i) => [`f${i}`, spec]));
  const definition = experiment({
    cluster: { topology: "three-workers", imds: "mock" },
    faults,
    timeline: Object.keys(faults).map((inject) => ({ at: "0s", inject, for: run.hold })),
    arms: { crash: { role: "current", expected: "held", because: "it is about what is left" } },
    sizes: {},
    limits: { run: "30m", revert: "2m" },
  });
  const specs = Object.fromEntries(
    run.faults.map(({ kind }) => [kind, { oneShot: faultOf(kind).oneShot, validate: () => [] }]),
  );
  const result = plan(planInput(definition, { seed: run.seed, faults: specs }));
  if ("problems" in result) throw new Error(JSON.stringify(result.problems));
  const [arm] = result.plan.arms;
  return { ...result.plan, arms: arm === undefined ? [] : [{ ...arm, namespace: run.namespace }] };
}

async function crashRun(run: CrashRun): Promise<void> {
  const cluster = await kindProvider.reach(run.cluster);
  if (cluster === null) throw new Error(`no cluster ${run.cluster}`);
  const made = crashPlan(run);
  const clock = startClock();
  const folder = createRunFolder(run.reports, made, new Date(clock.originWallMs));
  const journal = openJournal(folder.journal, clock.now);
  const { runId } = folder;
  const me = { pid: process.pid, pidStart: processStart(process.pid), host: hostname(), keep: true, versions: {} };
  const start = { runId, wallMs: clock.originWallMs, monotonicNs: clock.originNs.toString(), ...me };
  journal.append({ type: "run-start", schemaVersion: 1, ...start });
  journal.append({ type: "cluster", name: cluster.name, kubeconfig: cluster.kubeconfig, created: false });
  const timing = run.staleAfterMs === undefined ? undefined : { renewEveryMs: 1_000, staleAfterMs: run.staleAfterMs };
  const lock = await lockCluster(cluster, runId, undefined, timing);
  const append: typeof journal.append = (entry) => {
    const written = journal.append(entry);
    const { dieAt } = run;
    const isIt = entry.type === "fault" && entry.fault === `f${dieAt?.fault}` && entry.state === dieAt?.state;
    if (isIt) process.kill(process.pid, "SIGKILL");
    return written;
  };
  const signal = new AbortController().signal;
  const contextOf = (step: PlannedStep) => ({
    ...{ cluster, namespace: run.namespace, faultId: step.id, runId, signal, budgetMs: 120_000, images: {} },
    ...{ random: seeded(run.seed).fork(step.id), log: say, observe: () => undefined },
  });
  await runTimeline(made.arms[0]?.steps ?? [], {
    now: clock.now,
    signal,
    log: say,
    contextOf,
    inject: async (step) => {
      const identity = { id: step.id, arm: "crash", fault: step.fault, kind: step.spec.kind };
      return injectFault(identity, faultOf(step.spec.kind), step.spec, contextOf(step), append);
    },
    end: async (active, step) => {
      await measureAgain(active, contextOf(step), append);
      await revertFault(active.identity, active.fault, active.undo, contextOf(step), append);
    },
  });
  await lock.release();
  journal.append({ type: "run-end", outcome: "complete", dirty: false });
  journal.close();
  cluster.kube.close();
}

const say = (line: string) => {
  process.stderr.write(`${line}\n`);
};

if (import.meta.main) await crashRun(JSON.parse(process.argv[2] ?? "{}") as CrashRun);
