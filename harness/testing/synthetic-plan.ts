/** The plan of the synthetic run: the six arms of the termination story. */
import type { Plan, PlannedArm, PlannedStep } from "../types.ts";
import type { ArmBehaviour } from "./synthetic-run.ts";

const SERVICE = { preStopMs: 0, servesOn: false, graceMs: 30_000 };
type Sketch = Pick<PlannedArm, "role" | "expected" | "because"> & { readonly behaviour: ArmBehaviour };

/** Behaviour and expectation of each arm, by name. */
export const SYNTHETIC_ARMS: Readonly<Record<string, Sketch>> = {
  control: { role: "control", expected: "held", because: "Nothing is terminated.", behaviour: SERVICE },
  vulnerable: {
    role: "vulnerable",
    expected: "violated",
    because: "The listener closes on SIGTERM while the ingress still sends.",
    behaviour: SERVICE,
  },
  "fixed-prestop": {
    role: "fixed",
    expected: "held",
    because: "The preStop sleep outlasts the lag.",
    behaviour: { ...SERVICE, preStopMs: 12_000 },
  },
  "fixed-serve-on": {
    role: "fixed",
    expected: "held",
    because: "The server takes requests until the ingress has forgotten it.",
    behaviour: { ...SERVICE, servesOn: true, graceMs: 15_000 },
  },
  "wrong-fix-grace": {
    role: "wrong-fix",
    expected: "violated",
    because: "A long grace period does not keep the listener open.",
    behaviour: { ...SERVICE, graceMs: 120_000 },
  },
  "wrong-fix-short": {
    role: "wrong-fix",
    expected: "violated",
    because: "The preStop sleep is shorter than the lag.",
    behaviour: { ...SERVICE, preStopMs: 3_000 },
  },
};

interface PlanSettings {
  readonly arms?: readonly string[];
  readonly terminations: number;
  readonly everyMs: number;
  readonly lagMs: number;
}
export interface SyntheticPlan {
  readonly plan: Plan;
  readonly arms: readonly { readonly arm: PlannedArm; readonly behaviour: ArmBehaviour }[];
}

export function syntheticPlan(settings: PlanSettings): SyntheticPlan {
  const names = settings.arms ?? Object.keys(SYNTHETIC_ARMS);
  const arms = names.map((name, index) => plannedArm(name, index, settings));
  const lagSeconds = settings.lagMs / 1_000;
  const plan: Plan = {
    schemaVersion: 1,
    experiment: "termination-lag",
    hypothesis: "Checkout loses no request while its pods are replaced, although the ingress learns of it 5 s late.",
    file: "experiments/termination-lag.experiment.ts",
    size: "full",
    seed: 7,
    repeat: "faultline run experiments/termination-lag.experiment.ts --size full --seed 7",
    cluster: { topology: "one-control-plane-two-workers", ingress: "traefik", egress: "rejected" },
    images: [],
    loadScript: "experiments/load/checkout.k6.ts",
    probes: { pods: { kind: "pod-terminations", service: "checkout", selector: "app=checkout", port: 8080 } },
    slos: [
      {
        kind: "availability",
        name: "requests succeed",
        over: "load",
        during: "run",
        atLeast: 0.999,
        minSamples: 1_000,
      },
      {
        kind: "latency",
        name: "answers come quickly",
        over: "load",
        during: "run",
        percentile: 99,
        atMost: "500ms",
        minSamples: 1_000,
      },
    ],
    mechanisms: [
      {
        name: "no request reaches a closed listener",
        over: "pods",
        signal: "requests-after-listener-closed",
        role: "defect",
        atMost: 0,
        minSamples: settings.terminations,
      },
      {
        name: "the ingress learns late",
        over: "pods",
        signal: "endpoint-lag",
        role: "precondition",
        atLeast: (lagSeconds - 0.5) * 1_000,
        atMost: (lagSeconds + 2) * 1_000,
        minSamples: settings.terminations,
      },
      {
        name: "each window is hit",
        over: "pods",
        signal: "expected-requests-per-window",
        role: "precondition",
        atLeast: 20,
        minSamples: settings.terminations,
      },
    ],
    readyWithinMs: 60_000,
    phases: { baselineMs: 10_000, recoveryMs: 10_000, undisturbedMs: 30_000 },
    guard: null,
    limits: { runMs: 300_000, revertMs: 60_000 },
    arms: arms.map(({ arm }) => arm),
  };
  return { plan, arms };
}

function plannedArm(name: string, index: number, settings: PlanSettings): SyntheticPlan["arms"][number] {
  const sketch = SYNTHETIC_ARMS[name];
  if (sketch === undefined) throw new RangeError(`no synthetic arm ${name}`);
  const { behaviour, ...rest } = sketch;
  const restarts = Math.min(5, Math.floor(settings.terminations / 3));
  const forMs = settings.terminations * settings.everyMs;
  const steps: PlannedStep[] = [
    {
      id: `${name}/lag/0`,
      fault: "lag",
      spec: { kind: "ingress.endpoint-lag", lag: `${settings.lagMs}ms` },
      atMs: 0,
      forMs,
    },
    {
      id: `${name}/restarts/1`,
      fault: "restarts",
      spec: {
        kind: "pods.terminate",
        deployment: "checkout",
        rollingRestarts: restarts,
        deletions: settings.terminations - 3 * restarts,
        every: `${settings.everyMs}ms`,
      },
      atMs: 2_000,
      forMs,
      oneShot: true,
    },
  ];
  const arm: PlannedArm = {
    name,
    ...rest,
    namespace: `checkout-${name}`,
    manifests: [],
    loadEnv: {},
    steps: rest.role === "control" ? [] : steps,
    seed: 100 + index,
  };
  return { arm, behaviour };
}
