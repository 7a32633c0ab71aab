import { afterEach, beforeAll, expect, test } from "vitest";
import type { ClusterHandle, NodeHandle } from "../cluster/provider.ts";
import { expectEvidence, faultContext, untilGoneByItself, untilNothingLeft } from "../testing/fault-context.ts";
import { sharedCluster } from "../testing/shared-cluster.ts";
import type { FaultContext } from "./fault.ts";
import { readTaken } from "./memory/look.ts";
import { leftOnNode } from "./node/on-node.ts";
import { type MemoryPressureUndo, memoryPressure } from "./node-memory-pressure.ts";

const LEASE_MS = 120_000;
const SPEC = { kind: "node.memory-pressure", targets: { names: ["worker2"] }, memoryMiB: 512 } as const;
let cluster: ClusterHandle;
let context: FaultContext;
let node: NodeHandle;
let undo: MemoryPressureUndo;

beforeAll(async () => {
  cluster = await sharedCluster();
  context = faultContext(cluster, { runId: "memory-test" });
  node = (await cluster.nodes()).find(({ name }) => name.endsWith("worker2")) as NodeHandle;
});
afterEach(async () => {
  await memoryPressure.revert(undo, context);
  expectEvidence(await memoryPressure.verifyReverted(undo, context), false);
  expect([await leftOnNode(node), await readTaken(node, undo.id)]).toEqual([[], 0]);
});

test("no effect before, MemoryPressure after inject, clean after revert; both may be called again", async () => {
  undo = await memoryPressure.prepare(SPEC, context);
  expectEvidence(await memoryPressure.verifyEffective(undo, context), false);
  await memoryPressure.inject(undo, context, LEASE_MS);
  const during = await memoryPressure.verifyEffective(undo, context);
  expectEvidence(during, true);
  expect(during.values).toMatchObject({ memoryPressure: "True", tainted: "yes", takenMiB: expect.any(Number) });
  expect(await hogsOwn("oom_score_adj")).toBe("1000");
  await memoryPressure.inject(undo, context, LEASE_MS);
  await memoryPressure.renew?.(undo, context, LEASE_MS);
  expectEvidence(await memoryPressure.verifyEffective(undo, context), true);
  const second = memoryPressure.prepare(SPEC, faultContext(cluster, { faultId: "test/memory/1" }));
  await expect(second).rejects.toThrow(/has flags of faultline-memory-\w+ already/);

  await memoryPressure.revert(undo, context);
  expectEvidence(await memoryPressure.verifyReverted(undo, context), false);
  expectEvidence(await memoryPressure.verifyEffective(undo, context), false);
  await memoryPressure.revert(undo, context);
});

test("it undoes itself when nobody renews the lease", async () => {
  undo = await memoryPressure.prepare(SPEC, context);
  await memoryPressure.inject(undo, context, LEASE_MS);
  await memoryPressure.renew?.(undo, context, 1_000);
  await untilNothingLeft("the node to be clean", 30_000, () => leftOnNode(node));
  await untilGoneByItself(memoryPressure, undo, context, 60_000);
  await expect(memoryPressure.renew?.(undo, context, 1_000)).rejects.toThrow(/its lease had lapsed/);
});

test("what runs short of its reserve lets go by itself, and no inject succeeds then", async () => {
  undo = { ...(await memoryPressure.prepare(SPEC, context)), reserveMiB: 10_000_000 };
  await expect(memoryPressure.inject(undo, context, LEASE_MS)).rejects.toThrow(/less than 10000000 MiB to spare/);
  expectEvidence(await memoryPressure.verifyEffective(undo, context), false);
  expect(await readTaken(node, undo.id)).toBe(0);
});

test("reverting is right without an inject, after half of one, and when the node is gone", async () => {
  undo = await memoryPressure.prepare(SPEC, context);
  await memoryPressure.revert(undo, context);
  // The hog is there, and the kubelet was not touched.
  const half = `systemd-run --quiet --collect --unit=${undo.id}-hog sleep 1000`;
  await node.exec(["sh", "-c", half], { timeoutMs: 20_000 });
  await memoryPressure.revert(undo, context);
  expectEvidence(await memoryPressure.verifyReverted(undo, context), false);
  const gone = { ...undo, nodes: [{ name: "worker-that-is-gone", address: "", host: "", thresholdKiB: 1 }] };
  await memoryPressure.revert(gone, context);
  expectEvidence(await memoryPressure.verifyReverted(gone, context), false);
});

test("what the machine cannot spare is refused before anything is touched", async () => {
  const all = { ...SPEC, targets: { names: ["worker", "worker2"], atMost: 2 }, memoryMiB: 10_000_000 };
  await expect(memoryPressure.prepare(all, context)).rejects.toThrow(/20000000 MiB cannot be taken/);
});

const hogsOwn = async (file: string): Promise<string> => {
  const script = `cat /proc/$(systemctl show ${undo.id}-hog --property=MainPID --value)/${file}`;
  return (await node.exec(["sh", "-c", script], { timeoutMs: 20_000 })).stdout.trim();
};
