import { duration, header, literal, PATH, RATE, type Story, workloadAndLoad } from "./story.ts";

export const credentialExpiry: Story = {
  name: "credential-expiry",
  about: "credentials from the metadata service are short-lived, and a client fetches them again and again",
  questions: () => [
    PATH,
    RATE,
    { key: "remaining", ask: "What credentials have left when they are handed out", fallback: "899s", wrong: duration },
    { key: "latency", ask: "How long a metadata call takes", fallback: "40ms", wrong: duration },
  ],
  experiment: (written) => {
    const { name, library, workload, answers } = written;
    const { deployment, selector } = workload;
    return `${header(
      library,
      `
${deployment} gets credentials that have ${answers.remaining} left, from a metadata service that takes ${answers.latency} a call.

An AWS SDK that wants more than that fetches them again before every request. The metadata service is a mock at
169.254.169.254 on every node (IMDSv1 and v2); nothing of it leaves the cluster.`,
    )}
export default defineExperiment({
  name: ${literal(name)},
  hypothesis: ${literal(`A request of ${deployment} never waits for the metadata service.`)},
  // Two workers, Traefik at a free port of 127.0.0.1, and the mock on every node.
  cluster: { topology: "two-workers", ingress: "traefik", imds: "mock" },
${workloadAndLoad(written).replace(
  "    readyWithin",
  `    // As KIAM hands them out, by default; an arm can set its own. docs/imds.md has all settings.
    imds: { lifetime: "15m", refreshBefore: "5m", remaining: ${literal(answers.remaining)} },
    readyWithin`,
)}
  // Counts the metadata calls of these pods where they arrive.
  probes: { imds: { kind: "imds-calls", selector: ${literal(selector)} } },
  faults: { slow: { kind: "imds.latency", latency: ${literal(answers.latency)} } },
  // \`undisturbed\`: how long an arm without faults runs in their place.
  phases: { baseline: "5s", recovery: "5s", undisturbed: "30s" },
  timeline: [{ at: "0s", inject: "slow", for: "30s" }],
  // What your users are promised; a latency can be set against the control's own.
  slos: [
    { name: "requests take no longer than with long-lived credentials", kind: "latency", over: "load", during: "fault", percentile: 50, atMost: "3x control", minSamples: 100 },
    { name: "every request is answered", kind: "availability", over: "load", during: "fault", atLeast: 0.99, minSamples: 100 },
  ],
  // Why: a client that keeps its credentials asks once in minutes.
  mechanisms: [
    { name: "no request asks the metadata service", over: "imds", signal: "metadata-calls-per-request", role: "defect", atMost: 0.01, minSamples: 100 },
  ],
  // Arms differ in one thing each. Give \`expected\` what you expect: the run says which arms came out otherwise, and why.
  arms: {
    control: {
      role: "control",
      expected: "held",
      because: "Credentials with six hours left are taken once and kept.",
      without: "all",
      imds: { lifetime: "6h", remaining: "6h" },
    },
    current: { role: "current", expected: "held", because: "This is how it is deployed." },
    "longer-lived": {
      role: "fixed",
      expected: "held",
      because: "An hour, replaced 16 minutes before its end: none is ever too old for a client that wants 15 minutes.",
      imds: { lifetime: "60m", refreshBefore: "16m", remaining: "60m" },
    },
  },
  // The run is stopped, and everything reverted, when an arm takes longer; reverting has a time of its own.
  limits: { run: "5m", revert: "1m" },
});
`;
  },
};
