/**
 * A run of jobs that ask for credentials before their address is known, computed from a small model of a kubelet that may
 * rarely call: for the tests of verdicts and reports alone.
 */
import { plan } from "../plan/plan.ts";
import type { ArmRecord, ArmSpec, Experiment, JournalEntry, Observation, RunRecord } from "../types.ts";
import { experiment, planInput } from "./experiment.ts";

export interface JobsArm extends ArmSpec {
  /** Between first act and address, of the nth job. ms */
  readonly delayMs: (n: number) => number;
  /** After this a job gives up. ms */
  readonly patienceMs: number;
  /** Mean wait of a kubelet's call. ms */
  readonly waitMs: number;
}

/** The burst is used up after a few jobs; then each one waits longer than the one before. */
export const behindALimit = (n: number): number => 300 + Math.max(0, n - 4) * 250;
export const atOnce = (n: number): number => 200 + 40 * (n % 7);

const SKETCHES = {
  control: { role: "control", expected: "held", delayMs: atOnce, patienceMs: 2_500, waitMs: 1 },
  vulnerable: { role: "vulnerable", expected: "violated", delayMs: behindALimit, patienceMs: 2_500, waitMs: 190 },
  "fixed-retry": { role: "fixed", expected: "held", delayMs: behindALimit, patienceMs: 30_000, waitMs: 190 },
} as const;
const ARMS: Readonly<Record<string, JobsArm>> = Object.fromEntries(
  Object.entries(SKETCHES).map(([name, arm]) => [name, { ...arm, because: `As ${name} is.` }]),
);

const EVERY_MS = 400;
const ARM_MS = 60_000;

/** @param arms default: a control, a vulnerable arm and one that is fixed by patience. */
export function jobsRun(arms: Readonly<Record<string, JobsArm>> = ARMS, jobs = 40): RunRecord {
  const planned = plan(planInput(definition(arms)));
  if ("problems" in planned) throw new Error(JSON.stringify(planned.problems));
  const journal: JournalEntry[] = [
    {
      ...{
        t: 0,
        type: "run-start",
        schemaVersion: 1,
        runId: "jobs-run",
        wallMs: Date.UTC(2026, 6, 14),
        monotonicNs: "0",
      },
      ...{ pid: 1, pidStart: "1", host: "build-7", keep: false, versions: { faultline: "0.1.0" } },
    },
  ];
  const records: Record<string, ArmRecord> = {};
  for (const [index, { name, steps }] of planned.plan.arms.entries()) {
    const beginMs = 10_000 + index * (ARM_MS + 5_000);
    const sketch = arms[name] as JobsArm;
    journal.push(...armEntries(name, steps[0]?.id, beginMs));
    records[name] = { requests: null, upstream: null, observations: observationsOf(sketch, jobs, beginMs + 2_000) };
  }
  journal.push({
    t: 10_000 + planned.plan.arms.length * (ARM_MS + 5_000),
    type: "run-end",
    outcome: "complete",
    dirty: false,
  });
  return { runId: "jobs-run", plan: planned.plan, journal, arms: records };
}

function definition(arms: Readonly<Record<string, JobsArm>>): Experiment<"builders", string, string> {
  const { load: _, mechanisms: __, sizes: ___, ...base } = experiment();
  const over = "builders" as const;
  return {
    ...base,
    name: "jobs",
    hypothesis: "Every job gets its credentials, though its address is not known when it asks.",
    probes: { builders: { kind: "pod-identity", selector: "app=builder" } },
    slos: [
      { name: "jobs get credentials", kind: "availability", over, during: "fault", minSamples: 20, atLeast: 0.99 },
    ],
    mechanisms: [
      {
        name: "none is refused too early",
        over,
        signal: "jobs-refused-before-address",
        role: "defect",
        atMost: 0,
        minSamples: 20,
      },
      { name: "each gets its own role", over, signal: "wrong-identity", role: "critical", atMost: 0, minSamples: 5 },
      {
        ...{
          name: "the kubelet's calls wait",
          over,
          signal: "kubelet-limiter-wait",
          role: "precondition",
          atLeast: 100,
        },
        ...{ minSamples: 20, arms: Object.keys(arms).filter((name) => name !== "control") },
      },
    ],
    arms: Object.fromEntries(
      Object.entries(arms).map(([name, { role, expected, because }]) => [name, { role, expected, because }]),
    ),
  };
}

function armEntries(arm: string, step: string | undefined, beginMs: number): readonly JournalEntry[] {
  const faultMs = beginMs + 1_000;
  const endMs = beginMs + ARM_MS;
  const phase = (phase: "baseline" | "fault" | "recovery", edge: "begin" | "end", t: number) =>
    ({ t, type: "phase", arm, phase, edge }) as const;
  const evidence = { effective: true, because: "The marker is there.", values: {} };
  const clean = { effective: false, because: "The marker is gone.", values: {} };
  const base = { type: "fault", arm, id: step ?? "", fault: "nothing", kind: "noop" } as const;
  return [
    { t: beginMs - 3_000, type: "arm", arm, edge: "begin" },
    phase("baseline", "begin", beginMs),
    phase("baseline", "end", faultMs),
    phase("fault", "begin", faultMs),
    { ...base, t: faultMs, state: "intent", undo: {} },
    { ...base, t: faultMs + 100, state: "injected" },
    { ...base, t: faultMs + 200, state: "effective", evidence },
    { ...base, t: endMs - 2_000, state: "effective", evidence },
    { ...base, t: endMs - 1_900, state: "reverting" },
    { ...base, t: endMs - 1_500, state: "reverted", evidence: clean },
    phase("fault", "end", endMs - 1_000),
    phase("recovery", "begin", endMs - 1_000),
    phase("recovery", "end", endMs),
    { t: endMs + 500, type: "arm", arm, edge: "end" },
  ];
}

function observationsOf(arm: JobsArm, jobs: number, fromMs: number): readonly Observation[] {
  const probe = "builders";
  const node = "worker";
  const rows = Array.from({ length: jobs }, (_, n): Observation[] => {
    const pod = `builder-${n}`;
    const seen = { probe, type: "pod", pod, node } as const;
    const begin = fromMs + n * EVERY_MS;
    const delayMs = arm.delayMs(n);
    const served = delayMs <= arm.patienceMs;
    const answer = { status: served ? 200 : 404, attempts: 1, ...(served ? { role: pod } : {}) };
    const event = served ? "credentials" : "no-credentials";
    return [
      { ...seen, t: begin - 500, ip: null, event: "seen" },
      { probe, t: begin - 499, type: "identity", pod, role: pod },
      { probe, t: begin, type: "app", pod, event: "first-act" },
      { ...seen, t: begin + delayMs, ip: `10.244.1.${n + 2}`, event: "address" },
      { probe, t: begin + (served ? delayMs + 20 : arm.patienceMs), type: "app", pod, event, detail: answer },
    ];
  });
  const kubelet = Array.from({ length: ARM_MS / 2_000 }, (_, n): Observation => {
    const sums = { calls: 10 * n, waitMs: 10 * n * arm.waitMs, statuses: 4 * n, statusMs: 4 * n * arm.delayMs(n) };
    return { t: fromMs - 1_000 + n * 2_000, probe, type: "kubelet", node, qps: 5, burst: 10, ...sums };
  });
  return [...rows.flat(), ...kubelet].sort((a, b) => a.t - b.t);
}
