import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { LABEL_OWNER, OWNER } from "../cluster/labels.ts";
import type { ClusterHandle, NodeHandle } from "../cluster/provider.ts";
import { waitFor } from "../cluster/wait.ts";
import { expectEvidence, faultContext } from "../testing/fault-context.ts";
import { sharedCluster } from "../testing/shared-cluster.ts";
import type { FaultContext } from "./fault.ts";
import { readCordon } from "./node/drain.ts";
import { leftOnNode } from "./node/on-node.ts";
import { type DrainUndo, nodeDrain } from "./node-drain.ts";

const LEASE_MS = 120_000;
const NAMESPACE = "faultline-drain-test";
const SPEC = { kind: "node.drain", targets: { hosting: "app=still", count: 1, atMost: 2 } } as const;
let cluster: ClusterHandle;
let context: FaultContext;
let undo: DrainUndo | undefined;

beforeAll(async () => {
  cluster = await sharedCluster();
  context = faultContext(cluster, { runId: "drain-test", namespace: NAMESPACE });
  const labels = { [LABEL_OWNER]: OWNER };
  await cluster.kube.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE, labels } });
  const image = await sandboxImage();
  const containers = [{ name: "still", image, imagePullPolicy: "IfNotPresent" }];
  await cluster.kube.apply({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "still", namespace: NAMESPACE },
    spec: {
      replicas: 4,
      selector: { matchLabels: { app: "still" } },
      template: { metadata: { labels: { app: "still" } }, spec: { terminationGracePeriodSeconds: 1, containers } },
    },
  });
  await untilAvailable();
});
afterAll(async () => cluster.kube.delete({ apiVersion: "v1", kind: "Namespace", name: NAMESPACE }));
afterEach(async () => {
  if (undo === undefined) return;
  await nodeDrain.revert(undo, context);
  expectEvidence(await nodeDrain.verifyReverted(undo, context), false);
  for (const node of await targets()) expect(await leftOnNode(node)).toEqual([]);
  undo = undefined;
  await untilAvailable();
});

async function sandboxImage(): Promise<string> {
  const [node] = await cluster.kube.list({ apiVersion: "v1", kind: "Node" });
  const names: string[] = node.status.images.flatMap((image: { names?: string[] }) => image.names ?? []);
  return names.find((name) => /\/pause:[^@]+$/.test(name)) ?? "";
}

async function untilAvailable(): Promise<void> {
  const ref = { apiVersion: "apps/v1", kind: "Deployment", namespace: NAMESPACE, name: "still" };
  await waitFor({
    what: "all pods of the test to run",
    timeoutMs: 120_000,
    everyMs: 200,
    probe: async () => {
      const status = (await cluster.kube.get(ref))?.status;
      const done = status?.availableReplicas === 4 && status?.replicas === 4;
      return done ? { done, value: undefined } : { done: false, saw: JSON.stringify(status) };
    },
  });
}

const targets = async (): Promise<readonly NodeHandle[]> =>
  (await cluster.nodes()).filter(({ name }) => undo?.nodes.some((node) => node.name === name));

test("no effect before, drained after inject, cordon lifted after revert; both may be called again", async () => {
  undo = await nodeDrain.prepare(SPEC, context);
  expectEvidence(await nodeDrain.verifyEffective(undo, context), false);
  await nodeDrain.inject(undo, context, LEASE_MS);
  expectEvidence(await nodeDrain.verifyEffective(undo, context), true);
  await nodeDrain.inject(undo, context, LEASE_MS);
  await nodeDrain.renew?.(undo, context, LEASE_MS);
  const names = undo.nodes.map(({ name }) => name);
  const second = nodeDrain.prepare({ kind: "node.drain", targets: { names } }, context);
  await expect(second).rejects.toThrow(/is cordoned already by faultline-drain-/);

  await nodeDrain.revert(undo, context);
  expectEvidence(await nodeDrain.verifyReverted(undo, context), false);
  expectEvidence(await nodeDrain.verifyEffective(undo, context), false);
  await nodeDrain.revert(undo, context);
});

test("the node lifts its cordon itself when nobody renews the lease", async () => {
  undo = await nodeDrain.prepare(SPEC, context);
  await nodeDrain.inject(undo, context, LEASE_MS);
  await nodeDrain.renew?.(undo, context, 1_000);
  const name = undo.nodes[0]?.name ?? "";
  await waitFor({
    what: `${name} to be schedulable`,
    timeoutMs: 30_000,
    everyMs: 200,
    probe: async () => {
      const { by, tainted } = await readCordon(cluster.kube, name);
      return by === "" && !tainted ? { done: true, value: undefined } : { done: false, saw: `${by}, ${tainted}` };
    },
  });
});

test("a disruption budget is respected: what may not be evicted stays, and the fault is without effect", async () => {
  const budget = { apiVersion: "policy/v1", kind: "PodDisruptionBudget", namespace: NAMESPACE, name: "all" };
  await cluster.kube.apply({
    apiVersion: budget.apiVersion,
    kind: budget.kind,
    metadata: { name: budget.name, namespace: NAMESPACE },
    spec: { minAvailable: 4, selector: { matchLabels: { app: "still" } } },
  });
  try {
    undo = await nodeDrain.prepare({ ...SPEC, within: "3s" }, context);
    await nodeDrain.inject(undo, context, LEASE_MS);
    const evidence = await nodeDrain.verifyEffective(undo, context);
    expectEvidence(evidence, false);
    expect(evidence.values).toMatchObject({ cordoned: "true", podsLeft: expect.any(Number) });
    expect(evidence.because).toContain(`${NAMESPACE}/still-`);
  } finally {
    await cluster.kube.delete(budget);
  }
});

test("reverting what was never injected is right; a cordon of somebody else is refused and never lifted", async () => {
  undo = await nodeDrain.prepare(SPEC, context);
  await nodeDrain.revert(undo, context);
  const node = { apiVersion: "v1", kind: "Node", name: undo.nodes[0]?.name ?? "" };
  await cluster.kube.patch(node, { spec: { unschedulable: true } });
  try {
    const targeted = { kind: "node.drain", targets: { names: [node.name] } } as const;
    await expect(nodeDrain.prepare(targeted, context)).rejects.toThrow(/is cordoned already$/);
    await nodeDrain.revert(undo, context);
    expect(await readCordon(cluster.kube, node.name)).toMatchObject({ by: "", unschedulable: true });
    expectEvidence(await nodeDrain.verifyReverted(undo, context), false);
  } finally {
    await cluster.kube.patch(node, { spec: { unschedulable: null } });
  }
  const gone = { ...undo, nodes: [{ name: "worker-that-is-gone" }] };
  await nodeDrain.revert(gone, context);
  expectEvidence(await nodeDrain.verifyReverted(gone, context), false);
});

test("a pod that nobody would bring back refuses the fault, unless that is asked for", async () => {
  const pod = { apiVersion: "v1", kind: "Pod", namespace: NAMESPACE, name: "alone" };
  const containers = [{ name: "alone", image: await sandboxImage(), imagePullPolicy: "IfNotPresent" }];
  const nodeName = (await cluster.nodes()).find(({ role }) => role === "worker")?.name ?? "";
  await cluster.kube.apply({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: pod.name, namespace: NAMESPACE },
    spec: { nodeName, terminationGracePeriodSeconds: 1, containers },
  });
  const targeted = { kind: "node.drain", targets: { names: [nodeName] } } as const;
  await expect(nodeDrain.prepare(targeted, context)).rejects.toThrow(/nobody would bring back .*\/alone/);
  undo = await nodeDrain.prepare({ ...targeted, evictUnmanaged: true }, context);
  await nodeDrain.inject(undo, context, LEASE_MS);
  expectEvidence(await nodeDrain.verifyEffective(undo, context), true);
  const left = await cluster.kube.get(pod);
  expect(left === null || left.metadata.deletionTimestamp !== undefined).toBe(true);
});
