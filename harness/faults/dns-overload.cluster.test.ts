import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { ClusterHandle } from "../cluster/provider.ts";
import { expectEvidence, faultContext, untilGoneByItself } from "../testing/fault-context.ts";
import { type TestNamespace, testNamespace } from "../testing/pause-deployment.ts";
import { sharedCluster } from "../testing/shared-cluster.ts";
import { rulesLeft } from "./agent/redirect.ts";
import { type DnsOverloadUndo, dnsOverload } from "./dns-overload.ts";
import type { FaultContext } from "./fault.ts";

const LEASE_MS = 60_000;
const SPEC = { kind: "dns.overload", perSecond: 10, pods: { selector: "app=asking" } } as const;
let cluster: ClusterHandle;
let namespace: TestNamespace;
let context: FaultContext;
let undo: DnsOverloadUndo;

beforeAll(async () => {
  cluster = await sharedCluster();
  namespace = await testNamespace(cluster, "overload");
  await namespace.deployPause("asking", 2);
  context = faultContext(cluster, { namespace: namespace.name, runId: "dns-overload-test" });
  undo = await dnsOverload.prepare(SPEC, context);
});
afterEach(async () => {
  await dnsOverload.revert(undo, context);
  expectEvidence(await dnsOverload.verifyReverted(undo, context), false);
  expect(await rulesLeft(context, undo.id)).toBe(0);
});
afterAll(async () => namespace?.remove());

test("all answered before, a part after inject, all again after revert; both may be called again", async () => {
  expectEvidence(await dnsOverload.verifyEffective(undo, context), false);
  await dnsOverload.inject(undo, context, LEASE_MS);
  const during = await dnsOverload.verifyEffective(undo, context);
  expectEvidence(during, true);
  expect(during.values).toMatchObject({ targets: 2, inEffect: 2 });
  await dnsOverload.inject(undo, context, LEASE_MS);
  await dnsOverload.renew?.(undo, context, LEASE_MS);
  expectEvidence(await dnsOverload.verifyEffective(undo, context), true);
  const second = dnsOverload.prepare(SPEC, { ...context, faultId: "test/overload/1" });
  await expect(second).rejects.toThrow(/is redirected already by faultline-dns-/);

  await dnsOverload.revert(undo, context);
  const after = await dnsOverload.verifyReverted(undo, context);
  expectEvidence(after, false);
  expect(after.values).toMatchObject({ targets: 2, rules: 0 });
  expectEvidence(await dnsOverload.verifyEffective(undo, context), false);
  await dnsOverload.revert(undo, context);
});

test("it undoes itself when nobody renews the lease, rules and all", async () => {
  await dnsOverload.inject(undo, context, LEASE_MS);
  await dnsOverload.renew?.(undo, context, 1_000);
  await untilGoneByItself(dnsOverload, undo, context, 60_000);
  await expect.poll(async () => rulesLeft(context, undo.id), { timeout: 20_000 }).toBe(0);
  await expect(dnsOverload.renew?.(undo, context, 1_000)).rejects.toThrow(/its lease had lapsed/);
});

test("reverting what was never injected is right, and so are pods that are gone", async () => {
  await dnsOverload.revert(undo, context);
  const gone = { ...undo, pods: undo.pods.map((pod) => ({ ...pod, uid: "gone" })) };
  await dnsOverload.revert(gone, context);
  const evidence = await dnsOverload.verifyReverted(gone, context);
  expectEvidence(evidence, false);
  expect(evidence.because).toContain("none of its pods");
});
