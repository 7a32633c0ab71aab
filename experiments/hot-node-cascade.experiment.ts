/**
 * Hungry replicas share one node, the node goes down, and they take the next one with them.
 *
 * The scheduler places pods by what they request, not by what they use: replicas that request nothing are as good as
 * free, and a scheduler that fills nodes one after the other puts all of them on the same. Moonlight told the story in
 * 2019: a node at 100 % of its CPU time panicked, its pods moved to the next node together, and so on for four days.
 *
 * The figures hang together. A worker may use 0.5 CPUs, and a replica uses 0.13 for its work and 0.04 for its requests:
 * with its system's own share a node bears two replicas (about 76 %), as it has to in the midst of some rollouts, and three
 * want more than there is. A node that uses 90 % for 5 s goes down. The control plane notices after 10 s, its pods are
 * moved 5 s later, and start within a few seconds more: a second node follows the first one after about half a minute. No
 * third one may, because with more than 55 % of its nodes down a cluster this small evicts nothing any more, and the
 * cascade would end by itself.
 */
import { defineExperiment, type JsonObject } from "../harness/index.ts";

/** Merges into the Deployment of cruncher. */
const deployment = (spec: JsonObject) => ({ kind: "Deployment", name: "cruncher", merge: { spec } });
const podSpec = (spec: JsonObject) => deployment({ template: { spec } });
/** No two replicas on a node; `labels`: those that a replica is recognised by. */
const antiAffinity = (labels: Record<string, string>) =>
  podSpec({
    affinity: {
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          { topologyKey: "kubernetes.io/hostname", labelSelector: { matchLabels: labels } },
        ],
      },
    },
  });
const WITH_FAULTS = [
  "vulnerable",
  "fixed-anti-affinity",
  "fixed-spread",
  "fixed-requests",
  "wrong-fix-label",
  "wrong-fix-deadlock",
] as const;

export default defineExperiment({
  name: "hot-node-cascade",
  hypothesis:
    "No node goes down for want of CPU time, however hungry the replicas of cruncher are, and none follows it.",
  cluster: { topology: "three-workers-packing", ingress: "traefik", nodeLimits: { cpus: 0.5 } },
  workload: {
    namespace: "hot-node",
    images: { cruncher: { context: "services/cruncher" }, bystander: { context: "services/checkout" } },
    manifests: ["services/cruncher/manifests/cruncher.yaml", "services/cruncher/manifests/bystander.yaml"],
    readyWithin: "90s",
  },
  load: {
    script: "load/two-services.k6.ts",
    env: {
      TARGET_URL: "${INGRESS_URL}",
      FIRST: "cruncher",
      FIRST_HOST: "cruncher.${NAMESPACE}.test",
      FIRST_RATE: "10",
      SECOND: "bystander",
      SECOND_HOST: "bystander.${NAMESPACE}.test",
      SECOND_PATH: "/cart",
      SECOND_RATE: "30",
    },
  },
  probes: { replicas: { kind: "placement", selector: "app=cruncher" } },
  faults: {
    overload: { kind: "node.overload-crash", targets: {}, threshold: 90, for: "5s" },
    rollout: { kind: "pods.terminate", deployment: "cruncher", rollingRestarts: 1, deletions: 0, every: "1s" },
  },
  phases: { baseline: "6s", recovery: "5s", undisturbed: "20s" },
  timeline: [
    { at: "0s", inject: "overload", for: "50s" },
    { at: "2s", inject: "rollout", for: "90s" },
  ],
  slos: [
    {
      name: "the bystander answers",
      kind: "availability",
      over: "load",
      named: "bystander",
      during: "fault",
      // A busy machine costs a time-out now and then; a node that is down costs a third of all.
      atLeast: 0.95,
      minSamples: 400,
    },
    {
      name: "cruncher answers",
      kind: "availability",
      over: "load",
      named: "cruncher",
      during: "fault",
      atLeast: 0.95,
      minSamples: 120,
    },
  ],
  mechanisms: [
    {
      name: "one node at the most goes down",
      over: "replicas",
      signal: "cascade-depth",
      role: "defect",
      atMost: 1,
      minSamples: 3,
    },
    {
      name: "no node has all replicas",
      over: "replicas",
      signal: "largest-share",
      role: "defect",
      // Without a fault nothing goes down, wherever they are.
      arms: WITH_FAULTS,
      atMost: 0.67,
      minSamples: 3,
    },
    {
      name: "the replicas are soon back",
      over: "replicas",
      signal: "time-to-recover",
      role: "defect",
      atMost: 20_000,
      minSamples: 3,
    },
    {
      name: "a rollout completes",
      over: "replicas",
      signal: "hung-rollouts",
      role: "defect",
      atMost: 0,
      minSamples: 1,
    },
    {
      name: "together the replicas are more than a node bears",
      over: "replicas",
      signal: "replica-demand",
      role: "precondition",
      atLeast: 0.7,
      minSamples: 3,
    },
  ],
  arms: {
    control: {
      role: "control",
      expected: "held",
      because:
        "All replicas are on one node, which has no CPU time left, and nothing goes down: a hot node is slow, not gone.",
      without: "all",
    },
    vulnerable: {
      role: "vulnerable",
      expected: "violated",
      because:
        "Replicas that request nothing are all on one node; it goes down, and they move to the next one together.",
      without: ["rollout"],
    },
    "fixed-anti-affinity": {
      role: "fixed",
      expected: "held",
      because: "Required anti-affinity leaves each node one replica, and a node bears that.",
      patches: [antiAffinity({ app: "cruncher" })],
    },
    "fixed-spread": {
      role: "fixed",
      expected: "held",
      because:
        "A hard spread constraint over the pods of one template leaves each node one replica, after a rollout as before it.",
      patches: [
        podSpec({
          topologySpreadConstraints: [
            {
              maxSkew: 1,
              topologyKey: "kubernetes.io/hostname",
              whenUnsatisfiable: "DoNotSchedule",
              labelSelector: { matchLabels: { app: "cruncher" } },
              matchLabelKeys: ["pod-template-hash"],
            },
          ],
        }),
      ],
    },
    "fixed-requests": {
      role: "fixed",
      expected: "held",
      because: "Replicas that request what they need do not fit together on a node, however the scheduler packs.",
      patches: [
        podSpec({
          containers: [{ name: "cruncher", resources: { requests: { cpu: "240m" }, limits: { cpu: "300m" } } }],
        }),
      ],
    },
    "wrong-fix-label": {
      role: "wrong-fix",
      expected: "violated",
      because: "Anti-affinity to a label that no pod has passes every review and does nothing.",
      without: ["rollout"],
      patches: [antiAffinity({ "app.kubernetes.io/name": "cruncher" })],
    },
    "wrong-fix-deadlock": {
      role: "wrong-fix",
      expected: "violated",
      because:
        "With required anti-affinity, as many replicas as nodes and a surge, the new pod waits for a node that only the old ones could free.",
      patches: [
        antiAffinity({ app: "cruncher" }),
        deployment({ strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } } }),
      ],
      without: ["overload"],
    },
  },
  sizes: {
    quick: {
      arms: ["control", "vulnerable", "fixed-anti-affinity", "wrong-fix-deadlock"],
      phases: { baseline: "4s", recovery: "3s", undisturbed: "14s" },
      // The second node is seen to be down after 38 s.
      for: { overload: "46s" },
    },
  },
  limits: { run: "5m", revert: "120s" },
});
