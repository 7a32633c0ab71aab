import { header, literal, PATH, RATE, type Story, wholeNumber, workloadAndLoad } from "./story.ts";

export const hotNode: Story = {
  name: "hot-node-cascade",
  about: "a node that stays overloaded goes down, and its pods move on together",
  questions: (workload) => [
    PATH,
    RATE,
    { key: "cpus", ask: "CPUs that a node may use, in hundredths", fallback: "50", wrong: wholeNumber(20, 800) },
    {
      key: "threshold",
      ask: `Share of them, in per cent, at which a node with pods of ${workload.deployment} goes down`,
      fallback: "90",
      wrong: wholeNumber(30, 100),
    },
  ],
  experiment: (written) => {
    const { name, library, workload, answers } = written;
    const { deployment, selector } = workload;
    const cpus = Number(answers.cpus) / 100;
    const labels = Object.fromEntries(selector.split(",").map((pair) => pair.split("=")));
    return `${header(
      library,
      `
A node that uses ${answers.threshold} % of its CPU time for some seconds goes down. Does it take others with it?

Where replicas request less than they use, a scheduler that packs puts them on one node, and when that goes down they move
to the next one together. The arm \`spread\` shows what a topology spread constraint makes of it.`,
    )}
export default defineExperiment({
  name: ${literal(name)},
  hypothesis: ${literal(`No node goes down for want of CPU time, however busy the replicas of ${deployment} are, and none follows it.`)},
  // Three capped workers, a second scheduler profile that packs (schedulerName: pack-nodes), and a control plane that
  // notices a dead node within 10 s. What it sets is in kind-config/three-workers-packing.yaml and in the report.
  cluster: { topology: "three-workers-packing", ingress: "traefik", nodeLimits: { cpus: ${cpus} } },
${workloadAndLoad(written)}
  // Where the replicas run, what becomes of the nodes, and the CPU time of both.
  probes: { replicas: { kind: "placement", selector: ${literal(selector)} } },
  // A model of a kernel panic under load, and named as such in every report.
  faults: {
    overload: { kind: "node.overload-crash", targets: {}, threshold: ${answers.threshold}, for: "5s" },
  },
  // \`undisturbed\`: how long an arm without faults runs in their place.
  phases: { baseline: "8s", recovery: "8s", undisturbed: "30s" },
  timeline: [{ at: "0s", inject: "overload", for: "60s" }],
  // What your users are promised. Fewer samples than \`minSamples\` make an arm inconclusive.
  slos: [
    { name: "requests are answered", kind: "availability", over: "load", during: "fault", atLeast: 0.98, minSamples: 100 },
  ],
  // Why: the defect is that a second node follows the first one.
  mechanisms: [
    { name: "one node at the most goes down", over: "replicas", signal: "cascade-depth", role: "defect", atMost: 1, minSamples: 1 },
  ],
  // Arms differ in one thing each. Give \`expected\` what you expect: the run says which arms came out otherwise, and why.
  // Pods leave a dead node after their tolerationSeconds for not-ready and unreachable: 300 s, unless the manifest says less.
  arms: {
    control: { role: "control", expected: "held", because: "No node goes down, however hot.", without: "all" },
    current: {
      role: "current",
      expected: "held",
      because: "This is how it is deployed, by a scheduler that packs.",
      patches: [
        { kind: "Deployment", name: ${literal(deployment)}, merge: { spec: { template: { spec: { schedulerName: "pack-nodes" } } } } },
      ],
    },
    spread: {
      role: "fixed",
      expected: "held",
      because: "A hard spread constraint over the pods of one template leaves no node more than its share.",
      patches: [
        {
          kind: "Deployment",
          name: ${literal(deployment)},
          merge: {
            spec: {
              template: {
                spec: {
                  schedulerName: "pack-nodes",
                  topologySpreadConstraints: [
                    {
                      maxSkew: 1,
                      topologyKey: "kubernetes.io/hostname",
                      whenUnsatisfiable: "DoNotSchedule",
                      labelSelector: { matchLabels: ${literal(labels)} },
                      matchLabelKeys: ["pod-template-hash"],
                    },
                  ],
                },
              },
            },
          },
        },
      ],
    },
  },
  // The run is stopped, and everything reverted, when an arm takes longer; reverting has a time of its own.
  limits: { run: "8m", revert: "3m" },
});
`;
  },
};
