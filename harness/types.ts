/**
 * The vocabulary of the harness. Imports nothing but the vocabularies of faults and of probes.
 *
 * One-way flow: definition → plan → run → verdict → reports. A definition is what a user writes; a plan is the
 * same with every choice made; a run record is what was observed; a verdict is what that means.
 * All times named `t` or `…Ms` in records are milliseconds on the run's clock: CLOCK_MONOTONIC, zero at the run's start.
 */

import type { FaultSpec, ImdsSettings } from "./fault-specs.ts";
import type { Observation, ProbeSpec, Signal } from "./probe-specs.ts";

export type * from "./probe-specs.ts";
export type { FaultSpec };
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

/** A length of time as text with its unit: "500ms", "5s", "2m". */
export type Duration = `${number}ms` | `${number}s` | `${number}m` | `${number}h`;

/** A Kubernetes object as it stands in a manifest. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly [key: string]: unknown };
  readonly [key: string]: unknown;
}

// ---------------------------------------------------------------------------------------------- definition

export interface ClusterSpec {
  /** A file of `kind-config/` without its ending, or a path to a kind config. */
  readonly topology: string;
  /** Installed before the first arm: an ingress controller. */
  readonly ingress?: "traefik";
  /** A mock of the instance metadata service at 169.254.169.254 on every node, there before the first pod. */
  readonly imds?: "mock";
  /** Node image; default: the one that `faultline setup` found or built. */
  readonly nodeImage?: string;
  /** `rejected` (default): nothing that the cluster sends leaves the machine. */
  readonly egress?: "rejected" | "allowed";
  /** Caps of every worker node; the scheduler sees them as its capacity, and other containers do not take it away. */
  readonly nodeLimits?: { readonly cpus?: number; readonly memoryMiB?: number };
}

export interface WorkloadSpec {
  /** Base name; each arm gets the namespace `<namespace>-<arm>`, labelled as ours and deleted after the arm. */
  readonly namespace: string;
  /** Images built from a folder with a Dockerfile; `image: <key>` in a manifest stands for the built one. */
  readonly images?: Readonly<Record<string, { readonly context: string }>>;
  /** YAML files, relative to the experiment's file. `${NAMESPACE}`, `${ARM}` and the arm's `vars` are filled in. */
  readonly manifests: readonly string[];
  /** How the metadata mock answers; needs `cluster.imds`. */
  readonly imds?: ImdsSettings;
  /** All Deployments, StatefulSets and DaemonSets of the manifests are available within this time. */
  readonly readyWithin: Duration;
}

export interface LoadSpec {
  /** A script in k6's API, relative to the experiment's file. */
  readonly script: string;
  /** `__ENV` of the script. `${NAMESPACE}`, `${ARM}`, `${INGRESS_URL}` and the arm's `vars` are filled in. */
  readonly env?: Readonly<Record<string, string>>;
}

export type FaultKind = FaultSpec["kind"];

export type Phase = "baseline" | "fault" | "recovery" | "run";

interface SloBase<P extends string> {
  /** A positive sentence, unique in the experiment. */
  readonly name: string;
  /** `load`: every request of the load script; or a probe whose kind yields samples: `pod-identity` (jobs). */
  readonly over: "load" | P;
  /** Of the load, only requests with this `name` tag: a script that asks several services is judged for each. */
  readonly named?: string;
  readonly during: Phase;
  /** Fewer samples give `inconclusive`. At least 1. */
  readonly minSamples: number;
}
/** Ratio of good requests: any answer below 400 that came before the time-out, as k6 counts them. */
export interface AvailabilitySlo<P extends string> extends SloBase<P> {
  readonly kind: "availability";
  /** 0 to 1: held when good/all is at least this. */
  readonly atLeast: number;
}
export type TimesControl = `${number}x control`;
/** A percentile of the latency from the intended start, failures with their full duration included. */
export interface LatencySlo<P extends string> extends SloBase<P> {
  readonly kind: "latency";
  /** 0 to 100. */
  readonly percentile: number;
  /** `"3x control"`: three times what the control has, same percentile, same phase. */
  readonly atMost: Duration | TimesControl;
}
export type Slo<P extends string = string> = AvailabilitySlo<P> | LatencySlo<P>;

export interface Mechanism<P extends string = string, A extends string = string> {
  readonly name: string;
  readonly over: P;
  readonly signal: Signal;
  /**
   * `defect`: the causal signal; outside of its objective it is the defect, and an SLO that is violated without it is inconclusive.
   * `precondition`: outside of its objective the arm proves nothing and is inconclusive.
   * `critical`: outside of its objective it is a finding of its own: the arm is violated and never as expected, whatever
   * else is missing or wrong.
   */
  readonly role: "defect" | "precondition" | "critical";
  /** The arms in which it is asked for; default: all. Fixes cut a causal chain in different places. */
  readonly arms?: readonly A[];
  readonly atMost?: number;
  readonly atLeast?: number;
  /** Fewer samples give `inconclusive`. */
  readonly minSamples: number;
}

export type ArmRole = "control" | "vulnerable" | "fixed" | "wrong-fix" | "current";
export type Verdict = "held" | "violated" | "inconclusive";

export interface ArmSpec<F extends string = string> {
  readonly role: ArmRole;
  readonly expected: Verdict;
  /** Why this verdict is expected, one sentence. */
  readonly because: string;
  /** Faults of the timeline that this arm leaves out; a control leaves out all. */
  readonly without?: readonly F[] | "all";
  /** Merged into the manifests: objects deep, lists of named things by name, null removes. */
  readonly patches?: readonly { readonly kind: string; readonly name: string; readonly merge: JsonObject }[];
  /** What differs in this arm from `workload.imds`. */
  readonly imds?: ImdsSettings;
  /** Filled in for `${KEY}` in manifests, load env and the texts of faults. */
  readonly vars?: Readonly<Record<string, string>>;
}

/** What a size changes: fewer arms, shorter timeline, fewer disturbances. */
export interface SizeSpec<F extends string, A extends string> {
  readonly arms?: readonly A[];
  readonly phases?: Partial<PhasesSpec>;
  readonly faults?: { readonly [K in F]?: Partial<Record<string, Json>> };
  /** Replaces `for` of the timeline's steps, by the fault that they inject. */
  readonly for?: { readonly [K in F]?: Duration };
  /** Replaces `minSamples` of mechanisms by name, where a smaller size has fewer disturbances. */
  readonly minSamples?: Readonly<Record<string, number>>;
}
export interface PhasesSpec {
  /** Load without fault before; also what the recovery is compared with. */
  readonly baseline: Duration;
  /** Load after the last fault was reverted. */
  readonly recovery: Duration;
  /** How long the fault phase lasts in an arm that leaves all faults out. */
  readonly undisturbed: Duration;
}

export interface Experiment<P extends string = string, F extends string = string, A extends string = string> {
  /** kebab-case; the folder under `reports/`. */
  readonly name: string;
  /** One positive sentence: the report's headline. */
  readonly hypothesis: string;
  readonly cluster: ClusterSpec;
  readonly workload: WorkloadSpec;
  /** Absent where the load is something else: jobs that a fault starts. */
  readonly load?: LoadSpec;
  readonly probes: { readonly [K in P]: ProbeSpec };
  readonly faults: { readonly [K in F]: FaultSpec };
  readonly phases: PhasesSpec;
  /** `at`: from the begin of the fault phase; `for`: a one-shot fault's upper limit, another's length at the least. */
  readonly timeline: readonly { readonly at: Duration; readonly inject: NoInfer<F>; readonly for: Duration }[];
  readonly slos: readonly Slo<NoInfer<P>>[];
  readonly mechanisms: readonly Mechanism<NoInfer<P>, NoInfer<A>>[];
  readonly arms: { readonly [K in A]: ArmSpec<NoInfer<F>> };
  readonly sizes?: Readonly<Record<string, SizeSpec<NoInfer<F>, NoInfer<A>>>>;
  /** Stop early when fewer than this ratio of the last `window`'s requests are good; the arm is then violated. */
  readonly guard?: { readonly availabilityAtLeast: number; readonly window: Duration };
  /** `run` bounds one arm; `revert` is a budget of its own, which the run's deadline never eats. */
  readonly limits: { readonly run: Duration; readonly revert: Duration };
}

/** A mistake in a definition, with its path and what would be right. */
export interface Problem {
  /** `arms.fixed.without[0]` */
  readonly path: string;
  readonly message: string;
}

// ---------------------------------------------------------------------------------------------------- plan

export interface PlannedStep {
  /** Unique in the run: `<arm>/<fault name>/<index>`. */
  readonly id: string;
  readonly fault: string;
  readonly spec: FaultSpec;
  readonly atMs: number;
  readonly forMs: number;
  /** It is over when inject has returned. */
  readonly oneShot?: true;
  /** What the fault is a model of: stated in every report. */
  readonly model?: string;
}
export interface PlannedArm {
  readonly name: string;
  readonly role: ArmRole;
  readonly expected: Verdict;
  readonly because: string;
  readonly namespace: string;
  readonly manifests: readonly Manifest[];
  /** Absent where the cluster has no metadata mock. */
  readonly imds?: ImdsSettings;
  readonly loadEnv: Readonly<Record<string, string>>;
  readonly steps: readonly PlannedStep[];
  /** Seed of this arm's choices. */
  readonly seed: number;
}
export interface PlannedImage {
  /** As written in manifests. */
  readonly name: string;
  /** Path of the build context: absolute, or from where the command ran. */
  readonly context: string;
}
/** Everything chosen, nothing touched. Serialisable; the run's `plan.json`. */
export interface Plan {
  readonly schemaVersion: 1;
  readonly experiment: string;
  readonly hypothesis: string;
  /** Path of the definition, as given. */
  readonly file: string;
  readonly size: string;
  readonly seed: number;
  /** The command that repeats this run. */
  readonly repeat: string;
  readonly cluster: ClusterSpec;
  readonly images: readonly PlannedImage[];
  /** Absolute, or from where the command ran; null: no load. */
  readonly loadScript: string | null;
  readonly probes: Readonly<Record<string, ProbeSpec>>;
  readonly slos: readonly Slo[];
  readonly mechanisms: readonly Mechanism[];
  readonly readyWithinMs: number;
  readonly phases: { readonly baselineMs: number; readonly recoveryMs: number; readonly undisturbedMs: number };
  readonly guard: { readonly availabilityAtLeast: number; readonly windowMs: number } | null;
  readonly limits: { readonly runMs: number; readonly revertMs: number };
  readonly arms: readonly PlannedArm[];
}

// ----------------------------------------------------------------------------------------------------- run

/** What a measurement of a fault's effect found. */
export interface Evidence {
  readonly effective: boolean;
  /** One sentence with the numbers. */
  readonly because: string;
  readonly values: Readonly<Record<string, number | string>>;
}

/** `intent` is on disk before inject; whoever finds it without `reverted` must revert. */
export type FaultState = "intent" | "injected" | "effective" | "ineffective" | "reverting" | "reverted" | "failed";

export interface LoadSummary {
  readonly offered: number;
  readonly started: number;
  readonly completed: number;
  readonly dropped: number;
  /** Started more than 10 ms after the intended time. */
  readonly late: number;
  readonly thresholds: readonly {
    readonly metric: string;
    readonly expression: string;
    /** null: no samples. */
    readonly ok: boolean | null;
    readonly value: number | null;
  }[];
}

/** The journal: one line each, fsynced before the world changes. */
export type JournalEntry = { readonly t: number } & (
  | {
      readonly type: "run-start";
      readonly schemaVersion: 1;
      readonly runId: string;
      /** The pairing of both clocks at t = 0; monotonic nanoseconds as a decimal string. */
      readonly wallMs: number;
      readonly monotonicNs: string;
      readonly pid: number;
      /** Start time of that process as /proc has it, so that a used-again pid is not taken for it; "" where unknown. */
      readonly pidStart: string;
      readonly host: string;
      /** The cluster stays after the run. */
      readonly keep: boolean;
      readonly versions: Readonly<Record<string, string>>;
    }
  | {
      readonly type: "cluster";
      readonly name: string;
      readonly kubeconfig: string;
      readonly created: boolean;
      /** What its topology sets beside its nodes, for people; absent in journals of earlier versions. */
      readonly settings?: Readonly<Record<string, string>>;
    }
  | { readonly type: "created"; readonly arm: string; readonly namespace: string }
  | { readonly type: "removed"; readonly arm: string; readonly namespace: string }
  | { readonly type: "arm"; readonly arm: string; readonly edge: "begin" | "end" }
  | {
      readonly type: "phase";
      readonly arm: string;
      readonly phase: Exclude<Phase, "run">;
      readonly edge: "begin" | "end";
    }
  | {
      readonly type: "fault";
      readonly arm: string;
      readonly id: string;
      readonly fault: string;
      readonly kind: FaultKind;
      readonly state: FaultState;
      readonly undo?: Json;
      readonly evidence?: Evidence;
      readonly error?: string;
    }
  | { readonly type: "load"; readonly arm: string; readonly summary: LoadSummary }
  | { readonly type: "invalid"; readonly arm: string; readonly because: string }
  | { readonly type: "error"; readonly arm?: string; readonly message: string; readonly code: string }
  | { readonly type: "note"; readonly message: string }
  | { readonly type: "run-end"; readonly outcome: "complete" | "interrupted" | "failed"; readonly dirty: boolean }
);

/** A column of few different texts. */
export interface TextColumn {
  readonly codes: ArrayLike<number>;
  readonly values: readonly string[];
}
/** Every request of one arm's load; times on the run's clock. */
export interface RequestColumns {
  readonly length: number;
  readonly intendedMs: Float64Array;
  readonly startMs: Float64Array;
  readonly endMs: Float64Array;
  /** 0 where no answer came. */
  readonly status: ArrayLike<number>;
  /** "" | timeout | refused | reset | eof | dns | tls | interrupted | dropped | other */
  readonly error: TextColumn;
  readonly method: TextColumn;
  readonly name: TextColumn;
  readonly pod: TextColumn;
  /** new | pooled | none */
  readonly connection: TextColumn;
}
/** Every request that the ingress controller passed on, from its access log. */
export interface UpstreamColumns {
  readonly length: number;
  /** When the controller took the request. */
  readonly startMs: Float64Array;
  readonly endMs: Float64Array;
  readonly status: ArrayLike<number>;
  /** `ip:port` that it chose. */
  readonly address: TextColumn;
}
export interface ArmRecord {
  readonly requests: RequestColumns | null;
  readonly upstream: UpstreamColumns | null;
  readonly observations: readonly Observation[];
}
/** A closed run as data: all that judging and reporting may see. */
export interface RunRecord {
  readonly runId: string;
  readonly plan: Plan;
  readonly journal: readonly JournalEntry[];
  readonly arms: Readonly<Record<string, ArmRecord>>;
}

// ------------------------------------------------------------------------------------------------- verdict

export interface CheckResult {
  readonly name: string;
  readonly verdict: Verdict;
  /** null: nothing was measured. */
  readonly value: number | null;
  readonly unit: string;
  readonly objective: string;
  readonly sampleCount: number;
  readonly because: string;
}
/** One terminated pod: the race between the kubelet and the ingress. Times on the run's clock, null: not seen. */
export interface Termination {
  readonly pod: string;
  readonly ip: string;
  readonly node: string | null;
  /** t0: the delete as the API showed it. */
  readonly deletedMs: number;
  /** t1 */
  readonly sigtermMs: number | null;
  readonly listenerClosedMs: number | null;
  /** t2: endpoint not ready as a watch saw it. */
  readonly notReadyMs: number | null;
  /** t3: last request that the ingress sent to it. */
  readonly lastRequestMs: number | null;
  readonly exitMs: number | null;
  readonly goneMs: number | null;
  readonly requestsAfterClose: number;
  /** Of those, failed as the client saw or the ingress answered. */
  readonly failedAfterClose: number;
  /** t3 − (t1 without any hook): the preStop sleep that would have been enough; null: not measurable. */
  readonly preStopNeededMs: number | null;
  /** Requests that the load sent to one pod in a window as long as t3 − t0. */
  readonly expectedInWindow: number;
}
export interface FaultSummary {
  readonly id: string;
  readonly fault: string;
  readonly kind: FaultKind;
  readonly injectedMs: number | null;
  readonly revertedMs: number | null;
  readonly state: FaultState;
  readonly evidence: readonly (Evidence & { readonly t: number; readonly when: "inject" | "revert" | "clean" })[];
}
export interface ArmVerdict {
  readonly name: string;
  readonly role: ArmRole;
  readonly expected: Verdict;
  readonly verdict: Verdict;
  readonly asExpected: boolean;
  /** One sentence. */
  readonly because: string;
  readonly slos: readonly CheckResult[];
  readonly mechanisms: readonly CheckResult[];
  readonly faults: readonly FaultSummary[];
  readonly terminations: readonly Termination[];
  readonly load: LoadSummary | null;
}
export interface RunVerdict {
  readonly schemaVersion: 1;
  readonly experiment: string;
  readonly runId: string;
  readonly hypothesis: string;
  readonly verdict: Verdict;
  readonly asExpected: boolean;
  /** 0 as expected, 1 violated or not as expected, 2 inconclusive, 3 the cluster was left dirty. */
  readonly exitCode: 0 | 1 | 2 | 3;
  readonly because: string;
  /** A sentence for each fault that is a model of something which cannot be had here. */
  readonly models: readonly string[];
  readonly arms: readonly ArmVerdict[];
}
