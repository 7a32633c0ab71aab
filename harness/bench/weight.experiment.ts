/** Four faults and 300 requests a second at once: nothing to be learned of checkout, only what the harness itself costs. */
import { defineExperiment } from "../index.ts";

const services = "../../experiments/services/checkout/";

export default defineExperiment({
  name: "bench-weight",
  hypothesis: "Four faults at once cost the harness itself little.",
  cluster: { topology: "two-workers", ingress: "traefik" },
  workload: {
    namespace: "bench-weight",
    images: { checkout: { context: services } },
    manifests: ["deployment", "service", "ingress"].map((name) => `${services}manifests/${name}.yaml`),
    readyWithin: "90s",
  },
  load: {
    script: "../../experiments/load/checkout.k6.ts",
    env: { TARGET_URL: "${INGRESS_URL}", TARGET_HOST: "checkout.${NAMESPACE}.test", RATE: "300" },
  },
  probes: { pods: { kind: "pod-terminations", service: "checkout", selector: "app=checkout", port: 8080 } },
  faults: {
    lag: { kind: "ingress.endpoint-lag", lag: "1s" },
    dns: {
      kind: "dns.latency",
      names: ["checkout.bench-weight-all.svc.cluster.local"],
      latency: "1s",
      pods: { selector: "app=checkout", count: 2 },
    },
    throttle: { kind: "node.kubelet-throttle", targets: { names: ["worker"] }, qps: 10, burst: 20 },
    busy: { kind: "node.cpu-saturation", targets: { names: ["worker2"] }, percent: 40 },
  },
  phases: { baseline: "3s", recovery: "3s", undisturbed: "3s" },
  timeline: (["lag", "dns", "throttle", "busy"] as const).map((inject) => ({ at: "0s", inject, for: "90s" })),
  slos: [{ name: "answers", kind: "availability", over: "load", during: "fault", minSamples: 1_000, atLeast: 0.5 }],
  mechanisms: [],
  arms: { all: { role: "current", expected: "held", because: "it is about the harness" } },
  limits: { run: "5m", revert: "2m" },
});
