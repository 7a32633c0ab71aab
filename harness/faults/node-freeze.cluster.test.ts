import { afterEach, beforeAll, expect, test } from "vitest";
import { leftOnHost } from "../cluster/host-guard.ts";
import type { ClusterHandle, NodeHandle } from "../cluster/provider.ts";
import { expectEvidence, faultContext, untilGoneByItself } from "../testing/fault-context.ts";
import { sharedCluster } from "../testing/shared-cluster.ts";
import type { FaultContext } from "./fault.ts";
import { leftOnNode } from "./node/on-node.ts";
import { type FreezeUndo, nodeFreeze } from "./node-freeze.ts";

const LEASE_MS = 60_000;
const SPEC = { kind: "node.freeze", targets: { names: ["worker2"] } } as const;
let cluster: ClusterHandle;
let context: FaultContext;
let node: NodeHandle;
let undo: FreezeUndo;

beforeAll(async () => {
  cluster = await sharedCluster();
  context = faultContext(cluster, { runId: "freeze-test" });
  node = (await cluster.nodes()).find(({ name }) => name.endsWith("worker2")) as NodeHandle;
  undo = await nodeFreeze.prepare(SPEC, context);
});
afterEach(async () => {
  await nodeFreeze.revert(undo, context);
  expectEvidence(await nodeFreeze.verifyReverted(undo, context), false);
  expect(await leftOnHost()).not.toContain(undo.id);
});

const isFrozen = async () => nodeFreeze.verifyEffective(undo, context);

test("no effect before, in effect after inject, clean after revert; both may be called again", async () => {
  expectEvidence(await isFrozen(), false);
  await nodeFreeze.inject(undo, context, LEASE_MS);
  expectEvidence(await isFrozen(), true);
  await nodeFreeze.inject(undo, context, LEASE_MS);
  await nodeFreeze.renew?.(undo, context, LEASE_MS);
  expectEvidence(await isFrozen(), true);
  await nodeFreeze.revert(undo, context);
  expectEvidence(await nodeFreeze.verifyReverted(undo, context), false);
  expectEvidence(await isFrozen(), false);
  await nodeFreeze.revert(undo, context);
});

test("a second one is refused, and programs on the node are refused at once", async () => {
  await nodeFreeze.inject(undo, context, LEASE_MS);
  const second = nodeFreeze.prepare(SPEC, faultContext(cluster, { faultId: "test/freeze/1" }));
  await expect(second).rejects.toThrow(/worker2 is paused already/);
  const began = performance.now();
  await expect(node.exec(["true"], { timeoutMs: 60_000, accept: "any" })).rejects.toThrow(/paused: nothing can be run/);
  await expect(leftOnNode(node)).rejects.toThrow(/paused/);
  expect(performance.now() - began).toBeLessThan(10_000);
});

test("it undoes itself when nobody renews the lease", async () => {
  await nodeFreeze.inject(undo, context, LEASE_MS);
  await nodeFreeze.renew?.(undo, context, 1_000);
  await untilGoneByItself(nodeFreeze, undo, context);
  await expect(nodeFreeze.renew?.(undo, context, 1_000)).rejects.toThrow(/its lease had lapsed/);
});

test("reverting what was never injected is right, and so is a node that is gone", async () => {
  await nodeFreeze.revert(undo, context);
  const gone = { ...undo, machines: undo.machines.map((machine) => ({ ...machine, container: "0".repeat(64) })) };
  await nodeFreeze.revert(gone, context);
  const evidence = await nodeFreeze.verifyReverted(gone, context);
  expectEvidence(evidence, false);
  expect(evidence.because).toContain("its container is gone");
});

test("thawing a node is no evidence while its kubelet is silent: from another machine only the API counts", async () => {
  const elsewhere = { ...undo, machines: undo.machines.map((machine) => ({ ...machine, host: "elsewhere" })) };
  await nodeFreeze.inject(undo, context, LEASE_MS);
  await nodeFreeze.revert(elsewhere, context);
  expectEvidence(await isFrozen(), true);
});

test("a control plane is frozen only by name, and without the API the evidence is the same", async () => {
  const controlPlane = await nodeFreeze.prepare(
    { kind: "node.freeze", targets: { names: ["control-plane"] } },
    faultContext(cluster, { faultId: "test/freeze/cp" }),
  );
  await nodeFreeze.inject(controlPlane, context, LEASE_MS);
  try {
    expectEvidence(await nodeFreeze.verifyEffective(controlPlane, context), true);
  } finally {
    await nodeFreeze.revert(controlPlane, context);
  }
  expectEvidence(await nodeFreeze.verifyReverted(controlPlane, context), false);
});
