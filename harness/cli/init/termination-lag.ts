import { duration, header, literal, PATH, RATE, type Story, workloadAndLoad } from "./story.ts";

export const terminationLag: Story = {
  name: "termination-lag",
  about: "pods end while the ingress controller still sends to them",
  questions: () => [
    PATH,
    RATE,
    { key: "lag", ask: "How late the ingress hears of a pod's end", fallback: "3s", wrong: duration },
  ],
  experiment: (written) => {
    const { name, library, workload, answers } = written;
    const { deployment, container, service, selector, containerPort } = workload;
    return `${header(
      library,
      `
Pods of ${deployment} end, and the ingress controller hears of it ${answers.lag} late.

A service that stops listening at SIGTERM loses requests then. A preStop sleep that is longer than the lag, or a service
that serves on after SIGTERM, does not: the arm \`with-prestop\` shows the first on the manifests as they are.`,
    )}
export default defineExperiment({
  name: ${literal(name)},
  hypothesis: ${literal(`A pod of ${deployment} can end without any request noticing, though the ingress hears of it ${answers.lag} late.`)},
  // Two workers and Traefik at a free port of 127.0.0.1. Topologies: kind-config/, or a path of your own.
  cluster: { topology: "two-workers", ingress: "traefik" },
${workloadAndLoad(written)}
  // Follows each pod that ends: the API, the endpoint, and the last request that the ingress sent to it.
  probes: {
    pods: { kind: "pod-terminations", service: ${literal(service)}, selector: ${literal(selector)}, port: ${containerPort} },
  },
  // What is injected. \`faultline faults\` lists all kinds.
  faults: {
    lag: { kind: "ingress.endpoint-lag", lag: ${literal(answers.lag)} },
    ends: { kind: "pods.terminate", deployment: ${literal(deployment)}, rollingRestarts: 2, deletions: 4, every: "8s" },
  },
  // \`undisturbed\`: how long an arm without faults runs in their place.
  phases: { baseline: "10s", recovery: "10s", undisturbed: "30s" },
  // \`for\` bounds a one-shot fault such as pods.terminate; the others stay in until all one-shot ones are done.
  timeline: [
    { at: "0s", inject: "lag", for: "60s" },
    { at: "0s", inject: "ends", for: "5m" },
  ],
  // What your users are promised. Fewer samples than \`minSamples\` make an arm inconclusive.
  slos: [
    { name: "every request is answered", kind: "availability", over: "load", during: "fault", atLeast: 0.999, minSamples: 500 },
    { name: "requests are answered soon", kind: "latency", over: "load", during: "fault", percentile: 99, atMost: "2s", minSamples: 500 },
  ],
  // Why: a precondition that is not met makes an arm inconclusive, since the fault was not there to be withstood. With
  // log lines of your service's SIGTERM and closed listener, "requests-after-listener-closed" is the defect itself.
  mechanisms: [
    { name: "the ingress forgets an endpoint late", over: "pods", signal: "endpoint-lag", role: "precondition", atLeast: 1, minSamples: 4 },
  ],
  // Arms differ in one thing each. Give \`expected\` what you expect: the run says which arms came out otherwise, and why.
  arms: {
    control: { role: "control", expected: "held", because: "No pod ends.", without: "all" },
    current: { role: "current", expected: "held", because: "This is how it is deployed." },
    "with-prestop": {
      role: "fixed",
      expected: "held",
      because: "A preStop sleep of 9 s holds SIGTERM back until the ingress has forgotten the pod.",
      patches: [
        {
          kind: "Deployment",
          name: ${literal(deployment)},
          merge: { spec: { template: { spec: { containers: [{ name: ${literal(container)}, lifecycle: { preStop: { sleep: { seconds: 9 } } } }] } } } },
        },
      ],
    },
  },
  // The run is stopped, and everything reverted, when an arm takes longer; reverting has a time of its own.
  limits: { run: "8m", revert: "2m" },
});
`;
  },
};
