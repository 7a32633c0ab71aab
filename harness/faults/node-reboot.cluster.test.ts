import { afterEach, beforeAll, expect, test } from "vitest";
import { leftOnHost } from "../cluster/host-guard.ts";
import type { ClusterHandle } from "../cluster/provider.ts";
import { expectEvidence, faultContext } from "../testing/fault-context.ts";
import { sharedCluster } from "../testing/shared-cluster.ts";
import type { FaultContext } from "./fault.ts";
import { nodeReboot, type RebootUndo } from "./node-reboot.ts";

const LEASE_MS = 120_000;
const SPEC = { kind: "node.reboot", targets: { names: ["worker2"] }, grace: "2s" } as const;
let cluster: ClusterHandle;
let context: FaultContext;
let undo: RebootUndo;

beforeAll(async () => {
  cluster = await sharedCluster();
  context = faultContext(cluster, { runId: "reboot-test" });
});
afterEach(async () => {
  await nodeReboot.revert(undo, context);
  expectEvidence(await nodeReboot.verifyReverted(undo, context), false);
  expect(await leftOnHost()).not.toContain(undo.id);
});

test("no effect before, restarted once after inject, and back with its pods", async () => {
  undo = await nodeReboot.prepare(SPEC, context);
  expectEvidence(await nodeReboot.verifyEffective(undo, context), false);
  await nodeReboot.inject(undo, context, LEASE_MS);
  const evidence = await nodeReboot.verifyEffective(undo, context);
  expectEvidence(evidence, true);
  expect(await leftOnHost()).not.toContain(undo.id);

  await nodeReboot.inject(undo, context, LEASE_MS);
  const again = await nodeReboot.verifyEffective(undo, context);
  expect(again.values.startedAt).toBe(evidence.values.startedAt);

  await nodeReboot.revert(undo, context);
  const back = await nodeReboot.verifyReverted(undo, context);
  expectEvidence(back, false);
  expect(back.values.pods).toBeGreaterThanOrEqual(2);
  // Another reboot, later, sees the node as it is now: not restarted since.
  undo = await nodeReboot.prepare(SPEC, context);
  expectEvidence(await nodeReboot.verifyEffective(undo, context), false);
});

test("reverting what was never injected is right, and so is a node that is gone", async () => {
  undo = await nodeReboot.prepare(SPEC, context);
  await nodeReboot.revert(undo, context);
  const gone = { ...undo, machines: undo.machines.map((machine) => ({ ...machine, container: "0".repeat(64) })) };
  await nodeReboot.revert(gone, context);
  expectEvidence(await nodeReboot.verifyReverted(gone, context), false);
});
