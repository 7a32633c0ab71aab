import { afterEach, beforeAll, expect, test } from "vitest";
import { leftOnHost } from "../cluster/host-guard.ts";
import type { ClusterHandle, NodeHandle } from "../cluster/provider.ts";
import { expectEvidence, faultContext, untilGoneByItself } from "../testing/fault-context.ts";
import { sharedCluster } from "../testing/shared-cluster.ts";
import type { FaultContext } from "./fault.ts";
import { endOnNode, leftOnNode, startOnNode } from "./node/on-node.ts";
import { type CrashUndo, nodeCrash } from "./node-crash.ts";

const LEASE_MS = 120_000;
const SPEC = { kind: "node.crash", targets: { names: ["worker2"] } } as const;
let cluster: ClusterHandle;
let context: FaultContext;
let node: NodeHandle;
let undo: CrashUndo;

beforeAll(async () => {
  cluster = await sharedCluster();
  context = faultContext(cluster, { runId: "crash-test" });
  node = (await cluster.nodes()).find(({ name }) => name.endsWith("worker2")) as NodeHandle;
});
afterEach(async () => {
  await nodeCrash.revert(undo, context);
  expectEvidence(await nodeCrash.verifyReverted(undo, context), false);
  expect(await leftOnHost()).not.toContain(undo.id);
});

test("no effect before, dead after inject, back with its pods after revert; on it, nothing is left to undo", async () => {
  undo = await nodeCrash.prepare(SPEC, context);
  expectEvidence(await nodeCrash.verifyEffective(undo, context), false);
  const other = { id: "faultline-test-aaaaaaaaaa", inject: "true", undo: "false" };
  await startOnNode(node, other, LEASE_MS);

  await nodeCrash.inject(undo, context, LEASE_MS);
  expectEvidence(await nodeCrash.verifyEffective(undo, context), true);
  await nodeCrash.inject(undo, context, LEASE_MS);
  await nodeCrash.renew?.(undo, context, LEASE_MS);
  const second = nodeCrash.prepare(SPEC, faultContext(cluster, { faultId: "test/crash/1" }));
  await expect(second).rejects.toThrow(/worker2 is exited already/);
  await expect(node.exec(["true"], { timeoutMs: 60_000, accept: "any" })).rejects.toThrow(
    /stopped: nothing can be run/,
  );
  await endOnNode(node, other);

  await nodeCrash.revert(undo, context);
  const back = await nodeCrash.verifyReverted(undo, context);
  expectEvidence(back, false);
  expect(back.values.pods).toBeGreaterThanOrEqual(2);
  expectEvidence(await nodeCrash.verifyEffective(undo, context), false);
  expect(await leftOnNode(node)).toEqual([]);
  await nodeCrash.revert(undo, context);
});

test("it undoes itself when nobody renews the lease", async () => {
  undo = await nodeCrash.prepare(SPEC, context);
  await nodeCrash.inject(undo, context, 1_000);
  await untilGoneByItself(nodeCrash, undo, context);
});

test("reverting what was never injected is right, and so is a node that is gone", async () => {
  undo = await nodeCrash.prepare(SPEC, context);
  await nodeCrash.revert(undo, context);
  const gone = { ...undo, machines: undo.machines.map((machine) => ({ ...machine, container: "0".repeat(64) })) };
  await nodeCrash.revert(gone, context);
  expectEvidence(await nodeCrash.verifyReverted(gone, context), false);
});
