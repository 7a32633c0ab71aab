/**
 * One arm, from an empty namespace to closed files:
 *  1. namespace and workload, waited for
 *  2. probes, then load, until the load gets good answers only
 *  3. baseline: load alone
 *  4. fault: the timeline, each fault measured after inject, measured again before revert, reverted and measured clean
 *  5. recovery: load alone
 *  6. load and probes closed
 *  7. namespace removed (by the caller, side by side with the next arm)
 * Whatever happens in between, open faults are reverted on a budget of their own and files are closed.
 */
import { resolve } from "node:path";
import { setImds } from "../cluster/imds/install.ts";
import type { ClusterHandle } from "../cluster/provider.ts";
import { waitFor } from "../cluster/wait.ts";
import { formatMs } from "../define/duration.ts";
import { allOf, FaultlineError, messageOf } from "../errors.ts";
import type { Journal } from "../journal/journal.ts";
import { openFaults } from "../journal/open-faults.ts";
import { INGRESS_URL } from "../plan/refusals.ts";
import type { RunningProbe } from "../probes/probe.ts";
import type { JournalEntry, Phase, Plan, PlannedArm, PlannedStep } from "../types.ts";
import { contextOf, probeContextOf } from "./arm-context.ts";
import { recordLoad, unsettled } from "./arm-journal.ts";
import { pause, type RunClock, stopped } from "./clock.ts";
import { type ActiveFault, injectFault, measureAgain, revertFault } from "./fault-step.ts";
import { GuardStop, guardOf } from "./guard.ts";
import type { LoadProgress, RunningLoad, RunPorts } from "./ports.ts";
import type { RunFolder } from "./run-folder.ts";
import { runTimeline } from "./timeline.ts";
import { createNamespace, deploy } from "./workload.ts";

export interface ArmRun {
  readonly plan: Plan;
  readonly arm: PlannedArm;
  readonly cluster: ClusterHandle;
  readonly images: Readonly<Record<string, string>>;
  readonly folder: RunFolder;
  readonly journal: Journal;
  readonly clock: RunClock;
  readonly ports: RunPorts;
  /** The user's wish to stop; the arm adds its own deadline. */
  readonly signal: AbortSignal;
}

/** Runs the arm. Harness errors end it and are journaled; only `interrupted` and an unreverted fault are thrown. */
export async function runArm(run: ArmRun): Promise<void> {
  const { arm, journal, plan } = run;
  journal.append({ type: "arm", arm: arm.name, edge: "begin" });
  const stop = new AbortController();
  const limit = setTimeout(() => stop.abort(limitError(plan, arm)), plan.limits.runMs + plan.readyWithinMs);
  const signal = AbortSignal.any([run.signal, stop.signal]);
  const entries: JournalEntry[] = [];
  const append: Journal["append"] = (entry) => {
    const written = journal.append(entry);
    entries.push(written);
    return written;
  };
  const isPlanned = (node: string) => unsettled(entries, run.ports).has(node);
  try {
    await deployArm({ ...run, signal });
    await observeArm({ ...run, signal }, append, isPlanned, (reason) => stop.abort(reason));
  } catch (error) {
    if (run.signal.aborted) throw stopped(run.signal);
    if (error instanceof GuardStop || stop.signal.reason instanceof GuardStop) {
      append({ type: "note", message: `${arm.name}: ${messageOf(stop.signal.reason)}` });
    } else {
      const code = error instanceof FaultlineError ? error.code : "internal";
      append({ type: "error", arm: arm.name, message: messageOf(error), code });
    }
    run.ports.progress(`${arm.name}: ${messageOf(error)}`);
  } finally {
    clearTimeout(limit);
    await revertOpen(run, entries, append);
    journal.append({ type: "arm", arm: arm.name, edge: "end" });
  }
}

async function deployArm({ arm, cluster, journal, images, plan, folder, ports, signal }: ArmRun): Promise<void> {
  ports.progress(`${arm.name}: deploying ${arm.manifests.length} objects into ${arm.namespace}`);
  journal.append({ type: "created", arm: arm.name, namespace: arm.namespace });
  await createNamespace(cluster.kube, arm.namespace, folder.runId);
  if (arm.imds !== undefined) await setImds(cluster, `${folder.runId}/${arm.name}`, arm.imds);
  await deploy(cluster.kube, arm, images, plan.readyWithinMs, signal);
}

/** Probes and load around the three phases. */
async function observeArm(
  run: ArmRun,
  append: Journal["append"],
  isPlanned: (node: string) => boolean,
  abort: (reason: Error) => void,
): Promise<void> {
  const { arm, plan, ports } = run;
  const probeContext = probeContextOf(run);
  const probes: RunningProbe[] = [];
  let load: RunningLoad | null = null;
  const warm = { good: 0, bad: 0 };
  const guard = guardOf(plan.guard, abort);
  const onProgress = (progress: LoadProgress) => {
    Object.assign(warm, { good: progress.windowGood, bad: progress.windowBad });
    guard.see(progress);
  };
  try {
    for (const [name, spec] of Object.entries(plan.probes))
      probes.push(await ports.startProbe(name, spec, probeContext));
    const onNodeChange = ({ node, sentence }: { readonly node: string; readonly sentence: string }) => {
      if (!isPlanned(node)) append({ type: "invalid", arm: arm.name, because: sentence });
    };
    probes.push(await ports.watchNodes(probeContext, onNodeChange));
    if (plan.loadScript !== null) {
      load = await startLoad(run, plan.loadScript, onProgress);
      load.done.catch(abort);
      await waitUntilWarm(run, warm);
    }
    await phases(run, append, guard.arm);
  } finally {
    try {
      const outcome = await load?.stop();
      if (outcome !== undefined) recordLoad(arm.name, outcome, append);
    } finally {
      // A load that died is no reason to leave watches open, which would keep the process from ending.
      await Promise.all(probes.map(async (probe) => probe.stop()));
    }
  }
}

async function startLoad(run: ArmRun, script: string, onProgress: (progress: LoadProgress) => void) {
  const { arm, cluster, folder, ports } = run;
  const filled = (text: string) => text.replaceAll(INGRESS_URL, cluster.ingressUrl ?? "");
  return ports.startLoad({
    scriptPath: resolve(script),
    env: Object.fromEntries(Object.entries(arm.loadEnv).map(([key, text]) => [key, filled(text)])),
    outFile: folder.arm(arm.name).requests,
    onProgress,
  });
}

async function phases(run: ArmRun, append: Journal["append"], armGuard: () => void): Promise<void> {
  const { arm, plan, clock, signal, ports } = run;
  const phase = async (name: Exclude<Phase, "run">, body: () => Promise<void>) => {
    append({ type: "phase", arm: arm.name, phase: name, edge: "begin" });
    try {
      await body();
    } finally {
      append({ type: "phase", arm: arm.name, phase: name, edge: "end" });
    }
  };
  ports.progress(`${arm.name}: baseline, ${formatMs(plan.phases.baselineMs)}`);
  await phase("baseline", async () => pause(plan.phases.baselineMs, signal));
  armGuard();
  await phase("fault", async () => {
    if (arm.steps.length === 0) {
      ports.progress(`${arm.name}: no fault, ${formatMs(plan.phases.undisturbedMs)}`);
      return pause(plan.phases.undisturbedMs, signal);
    }
    return runTimeline(arm.steps, {
      now: clock.now,
      signal,
      log: ports.progress,
      contextOf: (step) => contextOf(run, step, signal, plan.limits.runMs),
      inject: async (step) => inject(run, step, append),
      end: async (active, step) => end(run, active, step, append),
    });
  });
  ports.progress(`${arm.name}: recovery, ${formatMs(plan.phases.recoveryMs)}`);
  await phase("recovery", async () => pause(plan.phases.recoveryMs, signal));
}

async function inject(run: ArmRun, step: PlannedStep, append: Journal["append"]): Promise<ActiveFault> {
  const { arm, ports, signal } = run;
  const fault = ports.faultOf(step.spec.kind);
  ports.progress(`${arm.name}: ${step.spec.kind}${fault.oneShot ? `, at most ${formatMs(step.forMs)}` : ""}`);
  const identity = { id: step.id, arm: arm.name, fault: step.fault, kind: step.spec.kind };
  const active = await injectFault(identity, fault, step.spec, contextOf(run, step, signal, step.forMs), append);
  ports.progress(`${arm.name}: ${active.evidence.because}`);
  return active;
}

async function end(run: ArmRun, active: ActiveFault, step: PlannedStep, append: Journal["append"]): Promise<void> {
  const budget = AbortSignal.timeout(run.plan.limits.revertMs);
  const context = contextOf(run, step, budget, run.plan.limits.revertMs);
  await measureAgain(active, context, append);
  const clean = await revertFault(active.identity, active.fault, active.undo, context, append);
  run.ports.progress(`${run.arm.name}: ${step.spec.kind} reverted: ${clean.because}`);
}

/** Reverts what is still open, newest first; one that fails keeps none of the others from being tried. */
async function revertOpen(run: ArmRun, entries: readonly JournalEntry[], append: Journal["append"]): Promise<void> {
  const failures: unknown[] = [];
  for (const open of openFaults(entries)) {
    const step = run.arm.steps.find((one) => one.id === open.id);
    if (step === undefined) continue;
    const budget = AbortSignal.timeout(run.plan.limits.revertMs);
    try {
      run.ports.progress(`${run.arm.name}: reverting ${open.kind}`);
      const context = contextOf(run, step, budget, run.plan.limits.revertMs);
      await revertFault(open, run.ports.faultOf(open.kind), open.undo, context, append);
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw allOf(failures);
}

/** The load has begun when a whole reporting interval had good answers only: routes and pods are warm. */
async function waitUntilWarm(run: ArmRun, warm: { good: number; bad: number }): Promise<void> {
  await waitFor({
    what: `${run.arm.name}: good answers only from the load`,
    timeoutMs: run.plan.readyWithinMs,
    everyMs: 250,
    signal: run.signal,
    probe: async () =>
      warm.good > 0 && warm.bad === 0
        ? { done: true, value: undefined }
        : { done: false, saw: `${warm.good} good, ${warm.bad} bad in the last interval` },
  });
}

function limitError(plan: Plan, arm: PlannedArm): FaultlineError {
  return new FaultlineError("deadline", `${arm.name}: not ended within limits.run of ${formatMs(plan.limits.runMs)}`, {
    fix: "raise limits.run, or look at the last line of progress for what hung",
  });
}
