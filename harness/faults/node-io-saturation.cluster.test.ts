import { afterEach, beforeAll, expect, test } from "vitest";
import type { ClusterHandle, NodeHandle } from "../cluster/provider.ts";
import { waitFor } from "../cluster/wait.ts";
import { expectEvidence, faultContext, untilGoneByItself, untilNothingLeft } from "../testing/fault-context.ts";
import { testNamespace } from "../testing/pause-deployment.ts";
import { sharedCluster } from "../testing/shared-cluster.ts";
import type { FaultContext } from "./fault.ts";
import { leftOnNode } from "./node/on-node.ts";
import { type IoSaturationUndo, ioSaturation } from "./node-io-saturation.ts";

const LEASE_MS = 120_000;
const SPEC = { kind: "node.io-saturation", targets: { names: ["worker"] }, iops: 10 } as const;
let cluster: ClusterHandle;
let context: FaultContext;
let node: NodeHandle;
let undo: IoSaturationUndo;

beforeAll(async () => {
  cluster = await sharedCluster();
  context = faultContext(cluster, { runId: "io-test" });
  node = (await cluster.nodes()).find(({ name }) => name.endsWith("worker")) as NodeHandle;
  undo = await prepared();
});
afterEach(async () => {
  await ioSaturation.revert(undo, context);
  expectEvidence(await ioSaturation.verifyReverted(undo, context), false);
  expect([await leftOnNode(node), await limits()]).toEqual([[], ""]);
});

/** A machine that others use too may have a disk that is slow already; the fault says so, and is asked again. */
async function prepared(): Promise<IoSaturationUndo> {
  const probe = async () => ({ done: true as const, value: await ioSaturation.prepare(SPEC, context) });
  return await waitFor({ what: "a disk that is quick enough", timeoutMs: 60_000, everyMs: 500, probe });
}

/** As the kernel lists them, on all groups of the node. */
async function limits(): Promise<string> {
  const script =
    "find /sys/fs/cgroup/blkio -name 'blkio.throttle.*_device' -exec cat {} + ; ls /var/lib | grep canary; true";
  return (await node.exec(["sh", "-c", script], { timeoutMs: 20_000 })).stdout;
}

test("no effect before, held back after inject, clean after revert; both may be called again", async () => {
  expectEvidence(await ioSaturation.verifyEffective(undo, context), false);
  await ioSaturation.inject(undo, context, LEASE_MS);
  const during = await ioSaturation.verifyEffective(undo, context);
  expectEvidence(during, true);
  expect(Number(during.values.fastestWritesPerSecond)).toBeLessThanOrEqual(15);
  await ioSaturation.inject(undo, context, LEASE_MS);
  await ioSaturation.renew?.(undo, context, LEASE_MS);
  const second = ioSaturation.prepare(SPEC, faultContext(cluster, { faultId: "test/io/1" }));
  await expect(second).rejects.toThrow(/have a limit on writes already/);

  await ioSaturation.revert(undo, context);
  expectEvidence(await ioSaturation.verifyReverted(undo, context), false);
  expectEvidence(await ioSaturation.verifyEffective(undo, context), false);
  await ioSaturation.revert(undo, context);
});

test("pods that start meanwhile are held back too, and so are none of another node", async () => {
  const namespace = await testNamespace(cluster, "io");
  try {
    await ioSaturation.inject(undo, context, LEASE_MS);
    const [before, elsewhere] = [await ioSaturation.verifyEffective(undo, context), "worker2"];
    await namespace.deployPause("late", 2, { nodeName: node.name });
    const after = await ioSaturation.verifyEffective(undo, context);
    expectEvidence(after, true);
    expect(Number(after.values.limitedGroups)).toBeGreaterThan(Number(before.values.limitedGroups));
    const other = {
      ...undo,
      nodes: undo.nodes.map((one) => ({ ...one, name: one.name.replace(/worker$/, elsewhere) })),
    };
    expectEvidence(await ioSaturation.verifyEffective(other, context), false);
  } finally {
    await namespace.remove();
  }
});

test("it undoes itself when nobody renews the lease", async () => {
  await ioSaturation.inject(undo, context, LEASE_MS);
  await ioSaturation.renew?.(undo, context, 1_000);
  await untilGoneByItself(ioSaturation, undo, context, 60_000);
  const left = async () => [...(await leftOnNode(node)), await limits()];
  await untilNothingLeft("the node to be clean", 30_000, left);
  await expect(ioSaturation.renew?.(undo, context, 1_000)).rejects.toThrow(/its lease had lapsed/);
});

test("reverting is right without an inject, after half of one, and when the node is gone", async () => {
  await ioSaturation.revert(undo, context);
  // One group has its limit, and nobody keeps it.
  const half = `for at in $(find /sys/fs/cgroup/blkio -path '*pods.slice/*/*' -name blkio.throttle.write_iops_device | head -n 1); do echo "${undo.nodes[0]?.device} 10" > $at; done`;
  await node.exec(["sh", "-c", half], { timeoutMs: 20_000 });
  expect(await limits()).not.toBe("");
  await ioSaturation.revert(undo, context);
  expect(await limits()).toBe("");
  const gone = { ...undo, nodes: [{ name: "worker-that-is-gone", device: "254:0" }] };
  await ioSaturation.revert(gone, context);
  expectEvidence(await ioSaturation.verifyReverted(gone, context), false);
});
