import { header, literal, type Story, wholeNumber } from "./story.ts";

export const podIpLag: Story = {
  name: "pod-ip-lag",
  about: "jobs ask for credentials before anybody knows the address of their pod",
  jobs: true,
  questions: () => [
    {
      key: "image",
      ask: "Image of the job, as it is called in this experiment",
      fallback: "job",
      wrong: (answer) => (answer === "" ? "a name" : null),
    },
    { key: "jobs", ask: "How many jobs start at once", fallback: "40", wrong: wholeNumber(20, 200) },
  ],
  experiment: (written) => {
    const { name, library, manifests, context, answers } = written;
    return `${header(
      library,
      `
${answers.jobs} jobs start on one node whose kubelet may make 5 calls a second, and ask for credentials at once.

A metadata proxy finds the role of a caller by the address of its pod, and looks for it for two seconds. The kubelet
publishes addresses, and its calls queue up. The job's log tells of itself, one JSON line on stdout for each event:

  {"event": "first-act", "monotonicNs": "<CLOCK_MONOTONIC, a string>"}            before it asks
  {"event": "credentials", "monotonicNs": "...", "role": "<the role it got>"}     or
  {"event": "no-credentials", "monotonicNs": "...", "status": <the answer's status>}`,
    )}
/** Each job has a role of its own, its name: whoever gets another one has got somebody else's. */
const jobs = {
  kind: "pods.churn",
  lifetime: "70s",
  metadata: { labels: { app: ${literal(name)} }, annotations: { "iam.amazonaws.com/role": "{name}" } },
  template: { containers: [{ name: "job", image: ${literal(answers.image)} }] },
} as const;

export default defineExperiment({
  name: ${literal(name)},
  hypothesis: ${literal(`Every job gets the credentials of its own role, though ${answers.jobs} of them start at once.`)},
  // Three workers, and a mock of the metadata service at 169.254.169.254 on every node.
  cluster: { topology: "three-workers", imds: "mock" },
  // Each arm gets a namespace of its own, ${name}-<arm>, which goes with the arm.
  workload: {
    namespace: ${literal(name)},${
      context === null
        ? ""
        : `
    images: { ${literal(answers.image)}: { context: ${literal(context)} } },`
    }
    manifests: ${literal(manifests)},
    // kube2iam's way: the role by the pod's address, looked for at most 2 s. docs/imds.md has all settings.
    imds: { roles: "pod", lookup: { maxInterval: "1s", maxElapsed: "2s" } },
    readyWithin: "60s",
  },
  // Per job: its first act, its address as a watch sees it, and the role that it got.
  probes: { jobs: { kind: "pod-identity", selector: ${literal(`app=${name}`)} } },
  faults: {
    limit: { kind: "node.kubelet-throttle", targets: { names: ["worker"] }, qps: 5, burst: 10 },
    rush: { ...jobs, podsPerSecond: 4, pods: ${answers.jobs}, targets: { names: ["worker"] } },
    calm: { ...jobs, podsPerSecond: 2, pods: 24, targets: { names: ["worker", "worker2", "worker3"], atMost: 3 } },
  },
  phases: { baseline: "3s", recovery: "3s", undisturbed: "10s" },
  timeline: [
    { at: "0s", inject: "limit", for: "45s" },
    { at: "0s", inject: "rush", for: "45s" },
    { at: "0s", inject: "calm", for: "15s" },
  ],
  // What your users are promised. Fewer samples than \`minSamples\` make an arm inconclusive.
  slos: [
    { name: "each job gets its credentials", kind: "availability", over: "jobs", during: "fault", atLeast: 0.99, minSamples: 15 },
  ],
  // Why. Without calls that wait, the fault was not there, and an arm with it is inconclusive.
  mechanisms: [
    { name: "no job is turned away because its address is not known yet", over: "jobs", signal: "jobs-refused-before-address", role: "defect", atMost: 0, minSamples: 15 },
    { name: "no job gets another one's role", over: "jobs", signal: "wrong-identity", role: "defect", atMost: 0, minSamples: 1 },
    { name: "the kubelet's calls wait for their turn", over: "jobs", signal: "kubelet-limiter-wait", role: "precondition", arms: ["current"], atLeast: 100, minSamples: 15 },
  ],
  // Arms differ in one thing each. Give \`expected\` what you expect: the run says which arms came out otherwise, and why.
  arms: {
    control: { role: "control", expected: "held", because: "Jobs come one after the other, and no kubelet is limited.", without: ["limit", "rush"] },
    current: { role: "current", expected: "held", because: "This is how the job asks.", without: ["calm"] },
    "newer-limit": {
      role: "fixed",
      expected: "held",
      because: "With the limit that kubelets have since Kubernetes 1.27, nothing queues up.",
      without: ["limit", "calm"],
    },
  },
  // The run is stopped, and everything reverted, when an arm takes longer; reverting has a time of its own.
  limits: { run: "5m", revert: "90s" },
});
`;
  },
};
