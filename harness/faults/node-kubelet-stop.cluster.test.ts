import { afterEach, beforeAll, expect, test } from "vitest";
import type { ClusterHandle, NodeHandle } from "../cluster/provider.ts";
import { expectEvidence, faultContext, untilGoneByItself } from "../testing/fault-context.ts";
import { sharedCluster } from "../testing/shared-cluster.ts";
import type { FaultContext } from "./fault.ts";
import { leftOnNode } from "./node/on-node.ts";
import { type KubeletStopUndo, kubeletStop } from "./node-kubelet-stop.ts";

const LEASE_MS = 60_000;
const SPEC = { kind: "node.kubelet-stop", targets: { names: ["worker"] } } as const;
let cluster: ClusterHandle;
let context: FaultContext;
let node: NodeHandle;
let undo: KubeletStopUndo;

beforeAll(async () => {
  cluster = await sharedCluster();
  context = faultContext(cluster, { runId: "kubelet-stop-test" });
  node = (await cluster.nodes()).find(({ name }) => name.endsWith("worker")) as NodeHandle;
});
afterEach(async () => {
  await kubeletStop.revert(undo, context);
  expectEvidence(await kubeletStop.verifyReverted(undo, context), false);
  expect(await leftOnNode(node)).toEqual([]);
});

test("no effect before, in effect after inject, clean after revert; both may be called again", async () => {
  undo = await kubeletStop.prepare(SPEC, context);
  expectEvidence(await kubeletStop.verifyEffective(undo, context), false);
  await kubeletStop.inject(undo, context, LEASE_MS);
  expectEvidence(await kubeletStop.verifyEffective(undo, context), true);
  await kubeletStop.inject(undo, context, LEASE_MS);
  await kubeletStop.renew?.(undo, context, LEASE_MS);
  const second = kubeletStop.prepare(SPEC, faultContext(cluster, { faultId: "test/kubelet/1" }));
  await expect(second).rejects.toThrow(/kubelet of .*worker does not answer/);

  await kubeletStop.revert(undo, context);
  expectEvidence(await kubeletStop.verifyReverted(undo, context), false);
  expectEvidence(await kubeletStop.verifyEffective(undo, context), false);
  await kubeletStop.revert(undo, context);
});

test("it undoes itself when nobody renews the lease", async () => {
  undo = await kubeletStop.prepare(SPEC, context);
  await kubeletStop.inject(undo, context, 2_000);
  await untilGoneByItself(kubeletStop, undo, context);
});

test("reverting what was never injected is right, and so is a node that is gone", async () => {
  undo = await kubeletStop.prepare(SPEC, context);
  await kubeletStop.revert(undo, context);
  const gone = { ...undo, nodes: [{ name: "worker-that-is-gone", address: "", host: "" }] };
  await kubeletStop.revert(gone, context);
  expectEvidence(await kubeletStop.verifyReverted(gone, context), false);
});
