/**
 * A pod gets SIGTERM before the ingress controller has forgotten it.
 *
 * Deleting a pod starts two things at once: the kubelet ends the containers, and the endpoint leaves the EndpointSlice,
 * of which the ingress hears some time later. A service that stops listening at SIGTERM loses that race. Ravelin told
 * the story in 2019; it takes no bug, only an ingress controller that is slower than SIGTERM.
 *
 * The times hang together: the lag is 3 s, and Traefik holds a second change back by up to 2 s, so that it may send to a
 * pod for about 5 s after its deletion. Fixes last 9 s, the wrong one 1 s. Between two disturbances there is time for
 * the ingress to learn of the newest pods, so that each termination is seen on its own.
 */
import { defineExperiment } from "../harness/index.ts";

/** Merges into the one container of checkout. */
const container = (change: Record<string, string | object>) => ({
  kind: "Deployment",
  name: "checkout",
  merge: { spec: { template: { spec: { containers: [{ name: "checkout", ...change }] } } } },
});
const preStop = (seconds: number) => container({ lifecycle: { preStop: { sleep: { seconds } } } });
const gracePeriod = (seconds: number) => ({
  kind: "Deployment",
  name: "checkout",
  merge: { spec: { template: { spec: { terminationGracePeriodSeconds: seconds } } } },
});

export default defineExperiment({
  name: "termination-lag",
  hypothesis: "A pod of checkout can end without any request noticing, though the ingress hears of it 3 s late.",
  cluster: { topology: "three-workers", ingress: "traefik" },
  workload: {
    namespace: "checkout",
    images: { checkout: { context: "services/checkout" } },
    manifests: [
      "services/checkout/manifests/deployment.yaml",
      "services/checkout/manifests/service.yaml",
      "services/checkout/manifests/ingress.yaml",
    ],
    readyWithin: "90s",
  },
  load: {
    script: "load/checkout.k6.ts",
    // Of 150 requests a second each of at most 12 ready pods gets 37 in 3 s.
    env: { TARGET_URL: "${INGRESS_URL}", TARGET_HOST: "checkout.${NAMESPACE}.test", RATE: "150" },
  },
  probes: {
    pods: { kind: "pod-terminations", service: "checkout", selector: "app=checkout", port: 8080 },
  },
  faults: {
    lag: { kind: "ingress.endpoint-lag", lag: "3s" },
    terminations: { kind: "pods.terminate", deployment: "checkout", rollingRestarts: 3, deletions: 6, every: "6s" },
  },
  phases: { baseline: "7s", recovery: "7s", undisturbed: "30s" },
  timeline: [
    { at: "0s", inject: "lag", for: "20s" },
    { at: "0s", inject: "terminations", for: "4m" },
  ],
  slos: [
    {
      name: "checkout answers every request",
      kind: "availability",
      over: "load",
      during: "fault",
      atLeast: 0.999,
      minSamples: 1_000,
    },
    {
      name: "checkout answers within two seconds",
      kind: "latency",
      over: "load",
      during: "fault",
      percentile: 99,
      atMost: "2s",
      minSamples: 1_000,
    },
  ],
  mechanisms: [
    {
      name: "no request is sent to a pod that has stopped listening",
      over: "pods",
      signal: "requests-after-listener-closed",
      role: "defect",
      atMost: 0,
      minSamples: 28,
    },
    {
      name: "the ingress forgets an endpoint late",
      over: "pods",
      signal: "endpoint-lag",
      role: "precondition",
      atLeast: 2_400,
      minSamples: 28,
    },
    {
      name: "the load is dense enough to hit the window",
      over: "pods",
      signal: "expected-requests-per-window",
      role: "precondition",
      atLeast: 20,
      minSamples: 28,
    },
  ],
  arms: {
    control: {
      role: "control",
      expected: "held",
      because: "No pod ends and nothing is late.",
      without: "all",
    },
    vulnerable: {
      role: "vulnerable",
      expected: "violated",
      because: "The listener closes at SIGTERM, seconds before the ingress stops sending.",
    },
    "fixed-prestop": {
      role: "fixed",
      expected: "held",
      because: "A native preStop sleep of 9 s holds SIGTERM back until the ingress has forgotten the pod.",
      patches: [preStop(9)],
    },
    "fixed-serve-on": {
      role: "fixed",
      expected: "held",
      because: "The service goes on serving for 9 s after SIGTERM and asks its clients to close their connections.",
      patches: [
        gracePeriod(11),
        container({
          env: [
            { name: "ON_SIGTERM", value: "serve" },
            { name: "GRACE_SECONDS", value: "11" },
          ],
        }),
      ],
    },
    "wrong-fix-grace": {
      role: "wrong-fix",
      expected: "violated",
      because: "A long grace period delays SIGKILL; the listener still closes at SIGTERM.",
      patches: [gracePeriod(120)],
    },
    "wrong-fix-short": {
      role: "wrong-fix",
      expected: "violated",
      because: "A preStop sleep of 1 s ends before the ingress has heard of the deletion.",
      patches: [preStop(1)],
    },
  },
  sizes: {
    quick: {
      arms: ["control", "vulnerable", "fixed-prestop", "fixed-serve-on"],
      phases: { baseline: "3s", recovery: "3s", undisturbed: "8s" },
      faults: { terminations: { rollingRestarts: 1, deletions: 0 } },
      minSamples: {
        "no request is sent to a pod that has stopped listening": 7,
        "the ingress forgets an endpoint late": 7,
        "the load is dense enough to hit the window": 7,
      },
    },
  },
  limits: { run: "5m", revert: "90s" },
});
