/** The two HTTP faults, before pods that answer everything: asked from another pod, and from a node, which is spared. */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { SYSTEM_NAMESPACE } from "../cluster/labels.ts";
import type { ClusterHandle } from "../cluster/provider.ts";
import { waitFor } from "../cluster/wait.ts";
import { expectEvidence, faultContext, untilGoneByItself } from "../testing/fault-context.ts";
import { type TestNamespace, testNamespace } from "../testing/pause-deployment.ts";
import { sharedCluster } from "../testing/shared-cluster.ts";
import { lookFromPods } from "./agent/in-pods.ts";
import { AGENT_IMAGE } from "./agent/pod.ts";
import { rulesLeft } from "./agent/redirect.ts";
import type { Fault, FaultContext } from "./fault.ts";
import type { HttpUndo } from "./http/fault.ts";
import { httpError } from "./http-error.ts";
import { httpLatency } from "./http-latency.ts";
import { isReady } from "./pods/pod.ts";
import { podTarget } from "./targets.ts";

const LEASE_MS = 60_000;
const at = { pods: { selector: "app=web" }, port: 8_080 };
let cluster: ClusterHandle;
let namespace: TestNamespace;
let context: FaultContext;
let open: HttpUndo | null = null;

beforeAll(async () => {
  cluster = await sharedCluster();
  const images = await cluster.loadImages([AGENT_IMAGE]);
  namespace = await testNamespace(cluster, "http");
  const container = {
    image: images[AGENT_IMAGE.name],
    env: [
      { name: "ROLE", value: "canary" },
      { name: "NAME", value: "web" },
    ],
    readinessProbe: { httpGet: { port: at.port }, periodSeconds: 1, failureThreshold: 1 },
  };
  await namespace.deployPause("web", 2, {}, container);
  context = faultContext(cluster, { namespace: namespace.name, runId: "http-test" });
});
afterEach(async () => {
  if (open === null) return;
  // What the two share: undoing needs no kind.
  await httpError.revert(open, context);
  expectEvidence(await httpError.verifyReverted(open, context), false);
  expect(await rulesLeft(context, open.id)).toBe(0);
  const agent = { apiVersion: "v1", kind: "Pod", namespace: SYSTEM_NAMESPACE, name: open.id };
  expect((await cluster.kube.get(agent))?.metadata.deletionTimestamp ?? "deleted").toBeTruthy();
  open = null;
});
afterAll(async () => namespace?.remove());

async function putIn<Spec extends Parameters<Fault["prepare"]>[0]>(fault: Fault<Spec, HttpUndo>, spec: Spec) {
  const undo = await fault.prepare(spec, context);
  open = undo;
  expectEvidence(await fault.verifyEffective(undo, context), false);
  await fault.inject(undo, context, LEASE_MS);
  await fault.inject(undo, context, LEASE_MS);
  await fault.renew?.(undo, context, LEASE_MS);
  const during = await fault.verifyEffective(undo, context);
  expectEvidence(during, true);
  return { undo, during };
}

const webPods = async () =>
  cluster.kube.list({ apiVersion: "v1", kind: "Pod", namespace: namespace.name }, { labelSelector: "app=web" });

test("http.latency: late by so much, against a node that is spared, and then not", async () => {
  const spec = { kind: "http.latency", ...at, latency: "400ms", jitter: "100ms" } as const;
  const { undo, during } = await putIn(httpLatency, spec);
  expect(during.values).toMatchObject({ targets: 2, inEffect: 2 });
  await httpLatency.revert(undo, context);
  expectEvidence(await httpLatency.verifyEffective(undo, context), false);
});

test("http.error: half of the requests for a path", async () => {
  const spec = { kind: "http.error", ...at, share: "50%", path: "/api", methods: ["POST", "GET"] } as const;
  await putIn(httpError, spec);
});

test("a reset for everybody, nodes too; a second fault is refused, and nobody renewing undoes the first", async () => {
  const { undo } = await putIn(httpError, { kind: "http.error", ...at, status: "reset", probes: "hit" });
  const second = httpLatency.prepare(
    { kind: "http.latency", ...at, latency: "1s" },
    { ...context, faultId: "test/http/1" },
  );
  // A pod that fails its probes is not ready: there may be none to choose any more.
  await expect(second).rejects.toThrow(/is redirected already by faultline-http-|no ready pod/);
  await httpError.renew?.(undo, context, 1_000);
  await untilGoneByItself(httpError, undo, context);
  await expect.poll(async () => rulesLeft(context, undo.id), { timeout: 20_000 }).toBe(0);
  await expect(httpError.renew?.(undo, context, 1_000)).rejects.toThrow(/its lease had lapsed/);
  await expect.poll(async () => (await webPods()).every(isReady), { timeout: 30_000 }).toBe(true);
});

/** What the Service answers to ten requests, from the network of another pod or from a node. */
async function askService(from: "pod" | "node"): Promise<readonly string[]> {
  const metadata = { name: "web", namespace: namespace.name };
  const spec = { selector: { app: "web" }, ports: [{ port: 80, targetPort: at.port }] };
  const service = await cluster.kube.apply({ apiVersion: "v1", kind: "Service", metadata, spec });
  const asked = `curl -s -o /dev/null -w '%{http_code}\n' --max-time 5 'http://${service.spec.clusterIP}/#[1-10]'`;
  const dns = { apiVersion: "v1", kind: "Pod", namespace: "kube-system" };
  const others = (await cluster.kube.list(dns, { labelSelector: "k8s-app=kube-dns" })).map(podTarget);
  return await lookFromPods(context, others.slice(0, 1), ([here]) =>
    from === "pod" ? `nsenter --net=${here?.network.path} ${asked}` : asked,
  );
}

test("a pod that comes instead of another is hit too and becomes ready all the same; their Service fails, but for nodes", async () => {
  const undo = await httpError.prepare({ kind: "http.error", ...at }, context);
  open = undo;
  await httpError.inject(undo, context, LEASE_MS);
  const [first] = undo.pods;
  await cluster.kube.delete({ apiVersion: "v1", kind: "Pod", namespace: namespace.name, name: first?.name ?? "" });
  await waitFor({
    what: "the replacement to be hit and ready",
    timeoutMs: 60_000,
    everyMs: 250,
    probe: async () => {
      const pods = await webPods();
      const { effective, because, values } = await httpError.verifyEffective(undo, context);
      const isThere = effective && values.podsCovered === 3 && pods.length === 2 && pods.every(isReady);
      return isThere ? { done: true, value: undefined } : { done: false, saw: `${because} ${JSON.stringify(values)}` };
    },
  });
  await expect.poll(() => askService("node"), { timeout: 20_000 }).toEqual(Array(10).fill("200"));
  expect(await askService("pod")).toEqual(Array(10).fill("503"));
});

test("what was never injected is reverted, and so are pods that are gone; what cannot be told is refused", async () => {
  const undo = await httpError.prepare({ kind: "http.error", ...at }, context);
  await httpError.revert(undo, context);
  const gone = { ...undo, pods: undo.pods.map((pod) => ({ ...pod, uid: "gone" })) };
  await httpError.revert(gone, context);
  const evidence = await httpError.verifyReverted(gone, context);
  expectEvidence(evidence, false);
  expect(evidence.because).toContain("none of its pods");
  await expect(httpError.prepare({ kind: "http.error", ...at, port: 81 }, context)).rejects.toThrow(
    /port 81: GET \/ gets no answer of HTTP\/1/,
  );
});
