import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { LABEL_FAULT } from "../cluster/labels.ts";
import type { ClusterHandle, NodeHandle } from "../cluster/provider.ts";
import { waitFor } from "../cluster/wait.ts";
import { expectEvidence, faultContext } from "../testing/fault-context.ts";
import { type TestNamespace, testNamespace } from "../testing/pause-deployment.ts";
import { sharedCluster } from "../testing/shared-cluster.ts";
import type { FaultContext } from "./fault.ts";
import { leftOnNode } from "./node/on-node.ts";
import { sandboxesOf } from "./pods/containers.ts";
import { type ChurnUndo, podChurn } from "./pods-churn.ts";

const LEASE_MS = 120_000;
const SPEC = {
  kind: "pods.churn",
  targets: { names: ["worker2"] },
  podsPerSecond: 2,
  lifetime: "5s",
} as const;
let cluster: ClusterHandle;
let space: TestNamespace;
let context: FaultContext;
let node: NodeHandle;
let undo: ChurnUndo;

beforeAll(async () => {
  cluster = await sharedCluster();
  space = await testNamespace(cluster, "churn");
  context = faultContext(cluster, { runId: "churn-test", namespace: space.name });
  node = (await cluster.nodes()).find(({ name }) => name.endsWith("worker2")) as NodeHandle;
  undo = await podChurn.prepare(SPEC, context);
});
afterEach(async () => {
  await podChurn.revert(undo, context);
  expectEvidence(await podChurn.verifyReverted(undo, context), false);
  expect(await leftOnNode(node)).not.toContain(undo.id);
});
afterAll(async () => space.remove());

const pods = async () =>
  cluster.kube.list(
    { apiVersion: "v1", kind: "Pod", namespace: space.name },
    { labelSelector: `${LABEL_FAULT}=${undo.id}` },
  );

async function untilSomeRun(): Promise<void> {
  await waitFor({
    what: "pods of the churn",
    timeoutMs: 60_000,
    everyMs: 200,
    probe: async () => {
      const running = await sandboxesOf(node, undo.id);
      return running > 2 ? { done: true, value: undefined } : { done: false, saw: `${running}` };
    },
  });
}

test("no effect before, the rate is reached and held, clean after revert", async () => {
  expectEvidence(await podChurn.verifyEffective(undo, context), false);
  await podChurn.inject(undo, context, LEASE_MS);
  const during = await podChurn.verifyEffective(undo, context);
  expectEvidence(during, true);
  expect(during.values.startedPerSecond).toBeGreaterThanOrEqual(1.8);
  expect(during.values.startedPerSecond).toBeLessThanOrEqual(2.2);
  await podChurn.inject(undo, context, LEASE_MS);
  await podChurn.renew?.(undo, context, LEASE_MS);

  await podChurn.revert(undo, context);
  expectEvidence(await podChurn.verifyReverted(undo, context), false);
  expect(await pods()).toEqual([]);
  expectEvidence(await podChurn.verifyEffective(undo, context), false);
  await podChurn.revert(undo, context);
});

test("a second one on the node is refused", async () => {
  await podChurn.inject(undo, context, LEASE_MS);
  const second = podChurn.prepare(SPEC, faultContext(cluster, { faultId: "test/churn/1", namespace: space.name }));
  await expect(second).rejects.toThrow(/come and go on .*worker2 already, by faultline-churn-/);
});

test("it ends by itself when nobody renews the lease, and none of its pods comes back", async () => {
  await podChurn.inject(undo, context, LEASE_MS);
  await untilSomeRun();
  await podChurn.renew?.(undo, context, 1_000);
  await waitFor({
    what: "no pod of the churn to run",
    timeoutMs: 30_000,
    everyMs: 200,
    probe: async () => {
      const [left, running] = [(await leftOnNode(node)).includes(undo.id), await sandboxesOf(node, undo.id)];
      return !left && running === 0 ? { done: true, value: undefined } : { done: false, saw: `${running} run` };
    },
  });
  const after = (await pods()).length;
  expectEvidence(await podChurn.verifyEffective(undo, context), false);
  await expect(podChurn.renew?.(undo, context, 1_000)).rejects.toThrow(/its lease had lapsed/);
  expect([(await pods()).length <= after, await sandboxesOf(node, undo.id)]).toEqual([true, 0]);
});

test("what a dead process left is undone from the token alone", async () => {
  const orphan = { apiVersion: "v1", kind: "Pod", spec: undo.spec };
  const labels = { [LABEL_FAULT]: undo.id };
  const metadata = { name: `${undo.id}-orphan`, namespace: space.name, labels };
  await cluster.kube.create({ ...orphan, metadata: { ...metadata } });
  await podChurn.revert(undo, context);
  expect(await pods()).toEqual([]);
});

test("a rush over several nodes is done, has its metadata, and stays effective until it is reverted", async () => {
  const rush = await podChurn.prepare(
    {
      ...SPEC,
      targets: { names: ["worker", "worker2"], atMost: 2 },
      pods: 12,
      lifetime: "60s",
      metadata: { labels: { app: "builder" }, annotations: { "example.com/role": "of-{name}" } },
    },
    { ...context, faultId: "test/rush/0" },
  );
  try {
    await podChurn.inject(rush, context, LEASE_MS);
    expectEvidence(await podChurn.verifyEffective(rush, context), true);
    const ref = { apiVersion: "v1", kind: "Pod", namespace: space.name };
    const all = await cluster.kube.list(ref, { labelSelector: "app=builder" });
    expect(all).toHaveLength(12);
    expect(new Set(all.map((pod) => pod.spec.nodeName)).size).toBe(2);
    expect(all.every(({ metadata: m }) => m.annotations["example.com/role"] === `of-${m.name}`)).toBe(true);
    expectEvidence(await podChurn.verifyEffective(rush, context), true);
  } finally {
    await podChurn.revert(rush, context);
  }
  expectEvidence(await podChurn.verifyReverted(rush, context), false);
  expectEvidence(await podChurn.verifyEffective(rush, context), false);
});

test("rates that the node has no room for, and templates that the API server refuses, are refused", async () => {
  const prepare = async (change: object) => podChurn.prepare({ ...SPEC, ...change }, context);
  await expect(prepare({ podsPerSecond: 10, lifetime: "15s" })).rejects.toThrow(
    /pods would be on .* at once, and it has room/,
  );
  await expect(prepare({ template: { containers: [{ name: "a", image: "x", ports: [{}] }] } })).rejects.toThrow(
    /containerPort: Required/,
  );
});
