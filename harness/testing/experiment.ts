/** A small valid definition and its parts, for tests that change one thing. */
import type { FaultSpecs } from "../define/validate.ts";
import type { PlanInput } from "../plan/plan.ts";
import type { Experiment } from "../types.ts";

export const MANIFEST = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  template:
    spec:
      containers:
      - {name: web, image: web, env: [{name: GREETING, value: "\${ARM}"}]}
`;

export function experiment(changes: Partial<Experiment> = {}): Experiment {
  return {
    name: "sample",
    hypothesis: "The sample answers while nothing happens.",
    cluster: { topology: "two-workers" },
    workload: { namespace: "sample", images: { web: { context: "web" } }, manifests: ["web.yaml"], readyWithin: "5s" },
    load: { script: "load.ts", env: { TARGET_URL: "${INGRESS_URL}/", ARM: "${ARM}" } },
    probes: { ends: { kind: "pod-terminations", service: "web", selector: "app=web", port: 80 } },
    faults: { nothing: { kind: "noop" } },
    phases: { baseline: "20ms", recovery: "10ms", undisturbed: "20ms" },
    timeline: [{ at: "0s", inject: "nothing", for: "10ms" }],
    slos: [{ name: "answers", kind: "availability", over: "load", during: "fault", minSamples: 1, atLeast: 0.99 }],
    mechanisms: [],
    arms: {
      control: { role: "control", expected: "held", because: "nothing happens", without: "all" },
      current: { role: "current", expected: "held", because: "the fault does nothing" },
    },
    sizes: { quick: { arms: ["current"], phases: { baseline: "5ms" } } },
    limits: { run: "10s", revert: "5s" },
    ...changes,
  };
}

const ANY_SPEC = { oneShot: false, validate: () => [] };
export const FAULT_SPECS: FaultSpecs = { noop: ANY_SPEC, "node.freeze": ANY_SPEC };

export function planInput(definition: unknown, changes: Partial<PlanInput> = {}): PlanInput {
  return {
    definition,
    file: "sample.experiment.ts",
    size: "full",
    seed: 7,
    arms: [],
    manifests: [{ path: "web.yaml", text: MANIFEST }],
    resolve: (path) => `/base/${path}`,
    faults: FAULT_SPECS,
    ...changes,
  };
}
