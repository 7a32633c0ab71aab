/**
 * A run record as a real run would leave it, computed from a small model of the race between kubelet and ingress:
 * for the tests of verdicts and reports alone. Every number follows from the options; nothing here judges.
 */
import type { ArmRecord, JournalEntry, Observation, Plan, PlannedArm, RunRecord } from "../types.ts";
import { syntheticPlan } from "./synthetic-plan.ts";
import { type PodModel, podObservations, podsOf } from "./synthetic-pods.ts";
import { syntheticTraffic } from "./synthetic-traffic.ts";

export interface SyntheticOptions {
  /** Arms by name, out of `SYNTHETIC_ARMS`. Default: all six. */
  readonly arms?: readonly string[];
  readonly ratePerSecond?: number;
  readonly terminations?: number;
  /** Pause between two terminations. ms */
  readonly everyMs?: number;
  /** What the fault adds between the slice's change and the ingress. ms */
  readonly lagMs?: number;
  /** Share of the requests, in every arm and phase, that fail for a reason of their own. */
  readonly noise?: number;
}

/** How the application of an arm meets its end. */
export interface ArmBehaviour {
  readonly preStopMs: number;
  /** Serves on after SIGTERM until the grace period ends. */
  readonly servesOn: boolean;
  readonly graceMs: number;
}
const DEFAULTS = { ratePerSecond: 300, terminations: 31, everyMs: 6_000, lagMs: 5_000, noise: 0 };
/** Before the first arm: the cluster boots. ms */
const SETUP_MS = 48_000;
const PREPARE_MS = 9_000;

/** A whole run: plan, journal, and per arm its observations, requests and access log. */
export function syntheticRun(options: SyntheticOptions = {}): RunRecord {
  const settings = { ...DEFAULTS, ...options };
  const plan = syntheticPlan(settings);
  const journal: JournalEntry[] = [...openingEntries()];
  const arms: Record<string, ArmRecord> = {};
  let t = SETUP_MS;
  for (const { arm, behaviour } of plan.arms) {
    const made = syntheticArm(plan.plan, arm, behaviour, settings, t);
    journal.push(...made.journal);
    arms[arm.name] = made.record;
    t = made.endMs + 1_500;
  }
  journal.push({ t: t + 4_000, type: "run-end", outcome: "complete", dirty: false });
  return { runId: "20260714-091203-5f2c", plan: plan.plan, journal, arms };
}

function openingEntries(): readonly JournalEntry[] {
  return [
    {
      t: 0,
      type: "run-start",
      schemaVersion: 1,
      runId: "20260714-091203-5f2c",
      wallMs: Date.UTC(2026, 6, 14, 9, 12, 3),
      monotonicNs: "812345678901234",
      pid: 4242,
      pidStart: "81234567",
      host: "build-7",
      keep: false,
      versions: { faultline: "0.1.0", kubernetes: "v1.37.2", kind: "v0.31.0", traefik: "3.7.15", node: "24.21.0" },
    },
    {
      ...{ t: 46_100, type: "cluster", name: "faultline-5f2c", kubeconfig: "kubeconfig", created: true },
      settings: { "kubelet containerLogMaxSize": "200Mi" },
    },
  ];
}

function syntheticArm(
  plan: Plan,
  arm: PlannedArm,
  behaviour: ArmBehaviour,
  settings: typeof DEFAULTS,
  beginMs: number,
): { readonly record: ArmRecord; readonly journal: readonly JournalEntry[]; readonly endMs: number } {
  const baseline = beginMs + PREPARE_MS;
  const fault = baseline + plan.phases.baselineMs;
  const disturbed = arm.steps.length > 0;
  const faultMs = disturbed
    ? settings.terminations * settings.everyMs + settings.lagMs + 4_000
    : plan.phases.undisturbedMs;
  const recovery = fault + faultMs;
  const end = recovery + plan.phases.recoveryMs;
  const pods = podsOf(arm, behaviour, settings, disturbed ? fault + 2_000 : null, beginMs + 4_000);
  const traffic = syntheticTraffic(pods, { ...settings, fromMs: baseline, toMs: end, seed: arm.seed });
  const observations: Observation[] = pods.flatMap((pod) => [...podObservations(pod)]).sort((a, b) => a.t - b.t);
  const journal: JournalEntry[] = [
    { t: beginMs, type: "arm", arm: arm.name, edge: "begin" },
    { t: beginMs + 200, type: "created", arm: arm.name, namespace: arm.namespace },
    { t: baseline, type: "phase", arm: arm.name, phase: "baseline", edge: "begin" },
    { t: fault, type: "phase", arm: arm.name, phase: "baseline", edge: "end" },
    { t: fault, type: "phase", arm: arm.name, phase: "fault", edge: "begin" },
    ...faultEntries(arm, pods, settings.lagMs, fault, recovery),
    { t: recovery, type: "phase", arm: arm.name, phase: "fault", edge: "end" },
    { t: recovery, type: "phase", arm: arm.name, phase: "recovery", edge: "begin" },
    { t: end, type: "phase", arm: arm.name, phase: "recovery", edge: "end" },
    { t: end + 20, type: "load", arm: arm.name, summary: traffic.summary },
    { t: end + 2_600, type: "removed", arm: arm.name, namespace: arm.namespace },
    { t: end + 2_700, type: "arm", arm: arm.name, edge: "end" },
  ];
  const record = { requests: traffic.requests, upstream: traffic.upstream, observations };
  return { record, journal, endMs: end + 2_700 };
}

function faultEntries(
  arm: PlannedArm,
  pods: readonly PodModel[],
  lagMs: number,
  fromMs: number,
  toMs: number,
): readonly JournalEntry[] {
  const terminated = pods.filter((pod) => pod.deletedMs !== null).length;
  const entries = arm.steps.flatMap((step): JournalEntry[] => {
    const oneShot = step.oneShot === true;
    const base = { type: "fault", arm: arm.name, id: step.id, fault: step.fault, kind: step.spec.kind } as const;
    const evidence = oneShot
      ? {
          effective: true,
          because: `${terminated} of ${terminated} pods got a deletion timestamp.`,
          values: { pods: terminated },
        }
      : {
          effective: true,
          because: `A probe change reached the controller ${(lagMs + 38).toFixed(0)} ms after the API showed it.`,
          values: { askedMs: lagMs, measuredMs: lagMs + 38 },
        };
    const clean = {
      effective: false,
      because: "The replacement is in place and changes arrive at once.",
      values: { measuredMs: 41 },
    };
    // A one-shot fault is injected when its last termination is done.
    const last = Math.max(fromMs, ...pods.map((pod) => pod.deletedMs ?? 0));
    const intent = fromMs + (oneShot ? 1_900 : 150);
    const injected = oneShot ? last + 1_000 : fromMs + 400;
    const reverting = oneShot ? toMs - 700 : toMs - 500;
    return [
      { ...base, t: intent, state: "intent", undo: { lagMs } },
      { ...base, t: injected, state: "injected" },
      { ...base, t: injected + 700, state: "effective", evidence },
      { ...base, t: reverting - 100, state: "effective", evidence },
      { ...base, t: reverting, state: "reverting" },
      { ...base, t: reverting + 300, state: "reverted", evidence: clean },
    ];
  });
  return entries.sort((a, b) => a.t - b.t);
}
