/**
 * Jobs ask for credentials before anybody knows their address.
 *
 * A metadata proxy (kube2iam, KIAM) finds the role of a caller by the address of its pod, and looks for it for two
 * seconds. The address comes from the kubelet, which publishes it with calls of the API server that are limited: 5 a
 * second and 10 saved up, until Kubernetes 1.27. When many pods start on one node, the calls queue up and addresses are
 * known seconds after the jobs have begun. Zalando's delivery platform stood still by that in June 2019.
 *
 * The figures hang together: a builder's begin costs its kubelet three to four calls. 54 of them in 18 s on one node are
 * 180 calls, of which 100 can be made; the last address comes about 10 s late, and outlasts a sleep of 5 s and the proxy's
 * 2 s. On three nodes they are 60 a node, which is within the limit.
 */
import { defineExperiment } from "../harness/index.ts";

const WORKERS = ["worker", "worker2", "worker3"];
const ONCE = { ATTEMPTS: "1", SLEEP_SECONDS: "0" };

/** Each builder has a role of its own: its name. Whoever gets another one has got somebody else's. */
const builders = {
  kind: "pods.churn",
  lifetime: "70s",
  metadata: { labels: { app: "builder" }, annotations: { "iam.amazonaws.com/role": "{name}" } },
  template: {
    serviceAccountName: "builder",
    containers: [
      {
        name: "builder",
        image: "builder",
        env: [
          { name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
          { name: "ATTEMPTS", value: "${ATTEMPTS}" },
          { name: "SLEEP_SECONDS", value: "${SLEEP_SECONDS}" },
        ],
      },
    ],
  },
} as const;
const rush = { ...builders, podsPerSecond: 3, pods: 60 } as const;

export default defineExperiment({
  name: "pod-ip-lag",
  hypothesis: "Every builder gets the credentials of its own role, though dozens of them start at once.",
  cluster: { topology: "three-workers", imds: "mock" },
  workload: {
    namespace: "builders",
    images: { builder: { context: "services/builder" } },
    manifests: ["services/builder/manifests/service-account.yaml"],
    // kube2iam's: with a role by pod, looked for at most 2 s.
    imds: { roles: "pod", lookup: { maxInterval: "1s", maxElapsed: "2s" } },
    readyWithin: "60s",
  },
  probes: { builders: { kind: "pod-identity", selector: "app=builder" } },
  faults: {
    limit: { kind: "node.kubelet-throttle", targets: { names: WORKERS, atMost: 3 }, qps: 5, burst: 10 },
    rush: { ...rush, targets: { names: ["worker"] } },
    "rush-on-three": { ...rush, targets: { names: WORKERS, atMost: 3 } },
    calm: { ...builders, podsPerSecond: 2, pods: 24, targets: { names: WORKERS, atMost: 3 } },
  },
  phases: { baseline: "3s", recovery: "3s", undisturbed: "10s" },
  timeline: [
    { at: "0s", inject: "limit", for: "45s" },
    { at: "0s", inject: "rush", for: "45s" },
    { at: "0s", inject: "rush-on-three", for: "45s" },
    { at: "0s", inject: "calm", for: "30s" },
  ],
  slos: [
    {
      name: "each builder gets its credentials",
      kind: "availability",
      over: "builders",
      during: "fault",
      atLeast: 0.99,
      minSamples: 20,
    },
  ],
  mechanisms: [
    {
      name: "no builder is turned away because its address is not known yet",
      over: "builders",
      signal: "jobs-refused-before-address",
      role: "defect",
      atMost: 0,
      minSamples: 20,
    },
    {
      name: "no builder gets another one's role",
      over: "builders",
      signal: "wrong-identity",
      role: "critical",
      atMost: 0,
      minSamples: 1,
    },
    {
      name: "addresses are known within what a metadata proxy waits",
      over: "builders",
      signal: "pod-address-delay",
      role: "defect",
      arms: ["control", "vulnerable", "fixed-qps", "fixed-more-nodes", "wrong-fix-sleep"],
      atMost: 2_000,
      minSamples: 20,
    },
    {
      name: "the kubelet's calls wait for their turn",
      over: "builders",
      signal: "kubelet-limiter-wait",
      role: "precondition",
      arms: ["vulnerable", "fixed-retry", "wrong-fix-sleep"],
      atLeast: 100,
      minSamples: 20,
    },
  ],
  arms: {
    control: {
      role: "control",
      expected: "held",
      because: "Builders come one after the other to three nodes, and no kubelet is limited.",
      vars: ONCE,
      without: ["limit", "rush", "rush-on-three"],
    },
    vulnerable: {
      role: "vulnerable",
      expected: "violated",
      because: "The kubelet's calls queue up, and addresses are known long after the metadata proxy has given up.",
      vars: ONCE,
      without: ["rush-on-three", "calm"],
    },
    "fixed-qps": {
      role: "fixed",
      expected: "held",
      because: "With 50 calls a second and 100 saved up, the default since Kubernetes 1.27, nothing queues up.",
      vars: ONCE,
      without: ["limit", "rush-on-three", "calm"],
    },
    "fixed-more-nodes": {
      role: "fixed",
      expected: "held",
      because: "On three nodes each kubelet has a third of the calls to make, which is within its limit.",
      vars: ONCE,
      without: ["rush", "calm"],
    },
    "fixed-retry": {
      role: "fixed",
      expected: "held",
      because: "Addresses are as late as ever, but builders go on asking until they are known.",
      vars: { ATTEMPTS: "20", SLEEP_SECONDS: "0" },
      without: ["rush-on-three", "calm"],
    },
    "wrong-fix-sleep": {
      role: "wrong-fix",
      expected: "violated",
      because: "Five seconds are enough for the first builders; the queue, and with it the delay, grows with each one.",
      vars: { ATTEMPTS: "1", SLEEP_SECONDS: "5" },
      without: ["rush-on-three", "calm"],
    },
  },
  sizes: {
    quick: {
      phases: { baseline: "2s", recovery: "2s" },
      faults: { rush: { pods: 54 }, "rush-on-three": { pods: 54 } },
      for: { limit: "36s", rush: "36s", "rush-on-three": "36s", calm: "18s" },
    },
  },
  limits: { run: "4m", revert: "90s" },
});
