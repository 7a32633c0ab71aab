/**
 * Each request of search asks an upstream with a signature, and so needs credentials, which the instance metadata
 * service hands out.
 *
 * The AWS SDK for Java keeps credentials until they have less than 15 minutes left. KIAM's live for exactly 15 minutes,
 * so that none of them is ever good enough: two metadata calls before every request, one thread after the other.
 * Adevinta told the story in 2019; DNS was the first suspect, and was innocent.
 *
 * 40 ms a call make the story's 86 ms a request. At 8 requests a second the lock around the calls is busy for two thirds
 * of the time: what is slow is each request, not a queue.
 */
import { defineExperiment, type JsonObject } from "../harness/index.ts";

/** Each runs where an arm wants it; see services/credential-java/manifests/clients.yaml. */
const CLIENTS = ["java-1-11-550", "java-1-12-797", "java-2", "botocore", "js-3", "go-2"];
const OUTAGES = ["expired", "stalled", "dropping", "unknown"] as const;

const search = (spec: JsonObject) => ({ kind: "Deployment", name: "search", merge: { spec: { template: { spec } } } });
const newestSdk = search({
  containers: [{ name: "search", args: ["-cp", "/app/java-1.12.797/classes:/app/java-1.12.797/lib/*", "Main"] }],
});
/** Of the range that Kubernetes leaves to those who choose their own. */
const UPSTREAM_IP = "10.96.0.77";

export default defineExperiment({
  name: "credential-expiry",
  hypothesis: "A request of search waits for its upstream, and never for the metadata service.",
  cluster: { topology: "three-workers", ingress: "traefik", imds: "mock" },
  workload: {
    namespace: "credential",
    images: {
      "credential-java": { context: "services/credential-java" },
      "credential-python": { context: "services/credential-python" },
      "credential-js": { context: "services/credential-js" },
      "credential-go": { context: "services/credential-go" },
      "signed-upstream": { context: "services/signed-upstream" },
    },
    manifests: [
      "services/signed-upstream/manifests/upstream.yaml",
      "services/credential-java/manifests/search.yaml",
      "services/credential-java/manifests/clients.yaml",
    ],
    // KIAM's: as short as STS allows.
    imds: { lifetime: "15m", refreshBefore: "5m", remaining: "899s" },
    readyWithin: "2m",
  },
  load: {
    script: "load/search.k6.ts",
    env: { TARGET_URL: "${INGRESS_URL}", TARGET_HOST: "search.${NAMESPACE}.test", RATE: "8" },
  },
  probes: {
    imds: { kind: "imds-calls", selector: "app=search", figuresPort: 8080 },
    sweep: {
      kind: "credential-sweep",
      selector: "app=client",
      port: 8080,
      // Around the windows that SDKs are known to have: 15, 10, 5 and 1 minute.
      remaining: ["1h", "905s", "895s", "590s", "290s", "50s"],
      concurrency: [1, 32],
      requests: 32,
    },
  },
  faults: {
    slow: { kind: "imds.latency", latency: "40ms" },
    expired: { kind: "imds.credentials", expired: "1m" },
    stalled: { kind: "imds.latency", latency: "1s" },
    dropping: { kind: "imds.errors", share: "60%", status: "timeout" },
    unknown: { kind: "imds.unavailable", how: "not-found" },
  },
  phases: { baseline: "10s", recovery: "10s", undisturbed: "12s" },
  // The outages one after the other. To see that one is in effect takes up to 3 s, before and after.
  timeline: [
    { at: "0s", inject: "slow", for: "12s" },
    { at: "0s", inject: "expired", for: "4s" },
    { at: "4s", inject: "stalled", for: "7s" },
    { at: "13s", inject: "dropping", for: "6s" },
    { at: "20s", inject: "unknown", for: "7s" },
  ],
  slos: [
    {
      name: "half of the requests take less than three times as long as with long-lived credentials",
      kind: "latency",
      over: "load",
      during: "fault",
      percentile: 50,
      atMost: "3x control",
      minSamples: 60,
    },
    {
      name: "search answers every request",
      kind: "availability",
      over: "load",
      during: "fault",
      atLeast: 0.99,
      minSamples: 60,
    },
    {
      name: "search answers again when the metadata service does",
      kind: "availability",
      over: "load",
      during: "recovery",
      atLeast: 0.99,
      minSamples: 24,
    },
  ],
  mechanisms: [
    {
      name: "no request asks the metadata service",
      over: "imds",
      signal: "metadata-calls-per-request",
      role: "defect",
      atMost: 0.01,
      minSamples: 60,
    },
    {
      name: "each request asks it twice",
      over: "imds",
      signal: "metadata-calls-per-request",
      role: "precondition",
      arms: ["vulnerable", "wrong-fix-dns", "wrong-fix-half"],
      atLeast: 1.9,
      minSamples: 60,
    },
    {
      name: "the sweep has seen clients that ask at each request",
      over: "sweep",
      signal: "storming-clients",
      role: "precondition",
      arms: ["control"],
      atLeast: 1,
      minSamples: 72,
    },
  ],
  arms: {
    control: {
      role: "control",
      expected: "held",
      because: "Credentials with six hours left are taken once and kept.",
      without: "all",
      imds: { lifetime: "6h", remaining: "6h" },
      patches: CLIENTS.map((name) => ({ kind: "Deployment", name, merge: { spec: { replicas: 1 } } })),
    },
    vulnerable: {
      role: "vulnerable",
      expected: "violated",
      because: "899 s left are less than the 15 minutes that this SDK wants, so each request fetches again.",
      without: OUTAGES,
    },
    "fixed-longer": {
      role: "fixed",
      expected: "held",
      because: "The proxy hands out an hour and replaces it 16 minutes before its end: none is ever too old.",
      without: OUTAGES,
      imds: { lifetime: "60m", refreshBefore: "16m", remaining: "60m" },
    },
    "fixed-sdk": {
      role: "fixed",
      expected: "held",
      because: "The newest SDK of the same line keeps credentials with 899 s left.",
      without: OUTAGES,
      patches: [newestSdk],
    },
    "wrong-fix-dns": {
      role: "wrong-fix",
      expected: "violated",
      because: "A name pinned in /etc/hosts saves the time in DNS; the two calls are still made.",
      without: OUTAGES,
      patches: [
        { kind: "Service", name: "upstream", merge: { spec: { clusterIP: UPSTREAM_IP } } },
        search({
          hostAliases: [{ ip: UPSTREAM_IP, hostnames: ["upstream.credential-wrong-fix-dns.svc.cluster.local"] }],
        }),
      ],
    },
    "wrong-fix-half": {
      role: "wrong-fix",
      expected: "violated",
      because:
        "One hour, replaced 5 minutes before its end: with 14 minutes left the same again, 10 minutes of each 55.",
      without: OUTAGES,
      imds: { lifetime: "60m", refreshBefore: "5m", remaining: "14m" },
    },
    "outage-asking": {
      role: "vulnerable",
      expected: "violated",
      because: "Who asks before each request has no credentials as soon as the metadata service has none.",
      without: ["slow"],
    },
    "outage-keeping": {
      role: "fixed",
      expected: "held",
      because: "The newest SDK has credentials of its own for as long as they live.",
      without: ["slow"],
      patches: [newestSdk],
    },
  },
  sizes: {
    quick: { phases: { baseline: "2s", recovery: "4s", undisturbed: "9s" }, for: { slow: "9s" } },
  },
  limits: { run: "4m", revert: "60s" },
});
