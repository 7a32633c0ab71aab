import { afterEach, beforeAll, expect, test } from "vitest";
import type { ClusterHandle, NodeHandle } from "../cluster/provider.ts";
import { expectEvidence, faultContext, untilGoneByItself, untilNothingLeft } from "../testing/fault-context.ts";
import { sharedCluster } from "../testing/shared-cluster.ts";
import type { FaultContext } from "./fault.ts";
import { timeCalls } from "./kubelet/limits.ts";
import { leftOnNode } from "./node/on-node.ts";
import { type KubeletThrottleUndo, kubeletThrottle } from "./node-kubelet-throttle.ts";

const LEASE_MS = 120_000;
const SPEC = { kind: "node.kubelet-throttle", targets: { names: ["worker"] }, qps: 5, burst: 10 } as const;
let cluster: ClusterHandle;
let context: FaultContext;
let node: NodeHandle;
let undo: KubeletThrottleUndo;

beforeAll(async () => {
  cluster = await sharedCluster();
  context = faultContext(cluster, { runId: "throttle-test" });
  node = (await cluster.nodes()).find(({ name }) => name.endsWith("worker")) as NodeHandle;
});
afterEach(async () => {
  await kubeletThrottle.revert(undo, context);
  expectEvidence(await kubeletThrottle.verifyReverted(undo, context), false);
  expect([await leftOnNode(node), await dropIns()]).toEqual([[], ""]);
});

async function dropIns(): Promise<string> {
  const listing = ["sh", "-c", "ls /run/systemd/system/kubelet.service.d 2> /dev/null"];
  return (await node.exec(listing, { timeoutMs: 20_000, accept: "any" })).stdout;
}

test("no effect before, in effect after inject, clean after revert; both may be called again", async () => {
  undo = await kubeletThrottle.prepare(SPEC, context);
  expectEvidence(await kubeletThrottle.verifyEffective(undo, context), false);
  await kubeletThrottle.inject(undo, context, LEASE_MS);
  const during = await kubeletThrottle.verifyEffective(undo, context);
  expectEvidence(during, true);
  expect(during.values).toMatchObject({ qps: 5, burst: 10 });
  await kubeletThrottle.inject(undo, context, LEASE_MS);
  await kubeletThrottle.renew?.(undo, context, LEASE_MS);
  const second = kubeletThrottle.prepare(SPEC, faultContext(cluster, { faultId: "test/throttle/1" }));
  await expect(second).rejects.toThrow(/limited to 5 calls\/s: 5 could not be told from it/);

  await kubeletThrottle.revert(undo, context);
  expectEvidence(await kubeletThrottle.verifyReverted(undo, context), false);
  expectEvidence(await kubeletThrottle.verifyEffective(undo, context), false);
  await kubeletThrottle.revert(undo, context);
});

test("a kubelet that has more to do than it may is seen as one", async () => {
  undo = await kubeletThrottle.prepare(SPEC, context);
  await kubeletThrottle.inject(undo, context, LEASE_MS);
  const [first] = undo.nodes;
  if (first === undefined) throw new Error("no node");
  const backlog = timeCalls(first, 150);
  expectEvidence(await kubeletThrottle.verifyEffective(undo, context), true);
  await backlog;
});

test("it undoes itself when nobody renews the lease", async () => {
  undo = await kubeletThrottle.prepare(SPEC, context);
  await kubeletThrottle.inject(undo, context, LEASE_MS);
  await kubeletThrottle.renew?.(undo, context, 1_000);
  await untilNothingLeft("the node to be clean", 30_000, () => leftOnNode(node));
  await untilGoneByItself(kubeletThrottle, undo, context);
});

test("reverting is right without an inject, after half of one, and when the node is gone", async () => {
  undo = await kubeletThrottle.prepare(SPEC, context);
  await kubeletThrottle.revert(undo, context);
  // The drop-in is there, and the kubelet was not restarted for it.
  const half = `mkdir -p /run/systemd/system/kubelet.service.d && printf '[Service]\\nNice=5\\n' > /run/systemd/system/kubelet.service.d/90-${undo.id}.conf`;
  await node.exec(["sh", "-c", half], { timeoutMs: 20_000 });
  await kubeletThrottle.revert(undo, context);
  expect(await dropIns()).toBe("");
  const gone = {
    ...undo,
    nodes: [{ name: "worker-that-is-gone", address: "", host: "", before: { qps: 50, burst: 100 } }],
  };
  await kubeletThrottle.revert(gone, context);
  expectEvidence(await kubeletThrottle.verifyReverted(gone, context), false);
});
