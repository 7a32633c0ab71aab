/** What faults and probes of an arm are given to work with. */
import { appendFileSync } from "node:fs";
import type { FaultContext } from "../faults/fault.ts";
import { seeded } from "../plan/random.ts";
import type { ProbeContext } from "../probes/probe.ts";
import type { Observation, PlannedStep } from "../types.ts";
import type { ArmRun } from "./arm.ts";

/** What a fault of the arm is given for one of its steps. */
export function contextOf(run: ArmRun, step: PlannedStep, signal: AbortSignal, budgetMs: number): FaultContext {
  return {
    cluster: run.cluster,
    namespace: run.arm.namespace,
    faultId: step.id,
    runId: run.folder.runId,
    images: run.images,
    random: seeded(run.arm.seed).fork(step.id),
    signal,
    budgetMs,
    log: run.ports.progress,
    observe: (seen) => writeObservation(run, { t: run.clock.now(), probe: step.fault, ...seen } as Observation),
  };
}

export function probeContextOf(run: ArmRun): ProbeContext {
  return {
    cluster: run.cluster,
    namespace: run.arm.namespace,
    clock: run.clock,
    upstreamFile: run.folder.arm(run.arm.name).upstream,
    observe: (observation) => writeObservation(run, observation),
    log: run.ports.progress,
  };
}

function writeObservation(run: ArmRun, observation: Observation): void {
  appendFileSync(run.folder.arm(run.arm.name).observations, `${JSON.stringify(observation)}\n`);
}
