/** The three DNS faults, on pods that do nothing: what they would be told is looked up where they are. */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { ClusterHandle } from "../cluster/provider.ts";
import { waitFor } from "../cluster/wait.ts";
import { expectEvidence, faultContext, untilGoneByItself } from "../testing/fault-context.ts";
import { type TestNamespace, testNamespace } from "../testing/pause-deployment.ts";
import { sharedCluster } from "../testing/shared-cluster.ts";
import { rulesLeft } from "./agent/redirect.ts";
import type { DnsUndo } from "./dns/fault.ts";
import { dnsFailure } from "./dns-failure.ts";
import { dnsLatency } from "./dns-latency.ts";
import { dnsServfail } from "./dns-servfail.ts";
import type { Fault, FaultContext } from "./fault.ts";

const LEASE_MS = 60_000;
const names = ["kube-dns.kube-system.svc.cluster.local"];
const pods = { selector: "app=asking" };
let cluster: ClusterHandle;
let namespace: TestNamespace;
let context: FaultContext;
let open: DnsUndo | null = null;

beforeAll(async () => {
  cluster = await sharedCluster();
  namespace = await testNamespace(cluster, "dns");
  await namespace.deployPause("asking", 2);
  context = faultContext(cluster, { namespace: namespace.name, runId: "dns-test" });
});
afterEach(async () => {
  if (open === null) return;
  // What the three share: undoing needs no kind.
  await dnsLatency.revert(open, context);
  expectEvidence(await dnsLatency.verifyReverted(open, context), false);
  expect(await rulesLeft(context, open.id)).toBe(0);
  open = null;
});
afterAll(async () => namespace?.remove());

async function walk<Spec extends Parameters<Fault["prepare"]>[0]>(fault: Fault<Spec, DnsUndo>, spec: Spec) {
  const undo = await fault.prepare(spec, context);
  open = undo;
  expectEvidence(await fault.verifyEffective(undo, context), false);
  await fault.inject(undo, context, LEASE_MS);
  const during = await fault.verifyEffective(undo, context);
  expectEvidence(during, true);
  await fault.inject(undo, context, LEASE_MS);
  await fault.renew?.(undo, context, LEASE_MS);
  expectEvidence(await fault.verifyEffective(undo, context), true);
  await fault.revert(undo, context);
  const after = await fault.verifyReverted(undo, context);
  expectEvidence(after, false);
  expect(after.values).toMatchObject({ targets: 2, rules: 0 });
  expectEvidence(await fault.verifyEffective(undo, context), false);
  await fault.revert(undo, context);
  return during;
}

test("dns.latency: these names late, others not, and then none", async () => {
  const { values } = await walk(dnsLatency, { kind: "dns.latency", names, pods, latency: "1s" });
  expect(values).toMatchObject({ targets: 2, inEffect: 2 });
});
test("dns.servfail", async () => {
  await walk(dnsServfail, { kind: "dns.servfail", names, pods });
});
test.each(["none", "nxdomain", "refused"] as const)("dns.failure: %s", async (answer) => {
  await walk(dnsFailure, { kind: "dns.failure", names, pods, answer });
});

test("a pod that comes instead of another is hit too, and the revert finds it", async () => {
  const undo = await dnsServfail.prepare({ kind: "dns.servfail", names, pods }, context);
  open = undo;
  await dnsServfail.inject(undo, context, LEASE_MS);
  const [first] = undo.pods;
  await cluster.kube.delete({ apiVersion: "v1", kind: "Pod", namespace: namespace.name, name: first?.name ?? "" });
  await waitFor({
    what: "the replacement to be hit",
    timeoutMs: 60_000,
    everyMs: 250,
    probe: async () => {
      const { effective, because, values } = await dnsServfail.verifyEffective(undo, context);
      const isThere = effective && values.targets === 2 && values.podsCovered === 3;
      return isThere ? { done: true, value: undefined } : { done: false, saw: `${because} ${JSON.stringify(values)}` };
    },
  });
});

test("a second one on the same pods is refused, and nobody renewing undoes it, rules and all", async () => {
  const undo = await dnsServfail.prepare({ kind: "dns.servfail", names }, context);
  open = undo;
  await dnsServfail.inject(undo, context, LEASE_MS);
  const second = dnsLatency.prepare(
    { kind: "dns.latency", names, latency: "1s" },
    { ...context, faultId: "test/dns/1" },
  );
  await expect(second).rejects.toThrow(/is redirected already by faultline-dns-/);
  await dnsServfail.renew?.(undo, context, 1_000);
  await untilGoneByItself(dnsServfail, undo, context);
  await expect.poll(async () => rulesLeft(context, undo.id), { timeout: 20_000 }).toBe(0);
  await expect(dnsServfail.renew?.(undo, context, 1_000)).rejects.toThrow(/its lease had lapsed/);
});

test("reverting what was never injected is right, and so are pods that are gone", async () => {
  const undo = await dnsLatency.prepare({ kind: "dns.latency", names, pods, latency: "1s" }, context);
  await dnsLatency.revert(undo, context);
  const gone = { ...undo, pods: undo.pods.map((pod) => ({ ...pod, uid: "gone" })) };
  await dnsLatency.revert(gone, context);
  const evidence = await dnsLatency.verifyReverted(gone, context);
  expectEvidence(evidence, false);
  expect(evidence.because).toContain("none of its pods");
});

test("what fails by itself is refused: its effect could not be told", async () => {
  const spec = { kind: "dns.failure", names: ["*.nowhere.cluster.local"], pods, answer: "nxdomain" } as const;
  await expect(dnsFailure.prepare(spec, context)).rejects.toThrow(/without the fault .* its effect could not be told/);
});
