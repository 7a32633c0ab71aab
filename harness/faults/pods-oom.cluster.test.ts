import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { ClusterHandle } from "../cluster/provider.ts";
import { waitFor } from "../cluster/wait.ts";
import { expectEvidence, faultContext } from "../testing/fault-context.ts";
import { type TestNamespace, testNamespace } from "../testing/pause-deployment.ts";
import { sharedCluster } from "../testing/shared-cluster.ts";
import type { FaultContext } from "./fault.ts";
import { leftOnNode } from "./node/on-node.ts";
import { type OomUndo, podsOom } from "./pods-oom.ts";

const LEASE_MS = 60_000;
let cluster: ClusterHandle;
let space: TestNamespace;
let context: FaultContext;
const open: OomUndo[] = [];

beforeAll(async () => {
  cluster = await sharedCluster();
  space = await testNamespace(cluster, "oom");
  context = faultContext(cluster, { runId: "oom-test", namespace: space.name });
  const limits = (memory: string) => ({ resources: { limits: { memory } } });
  await space.deployPause("web", 2, {}, limits("32Mi"));
  await space.deployPause("whole", 1, {}, { resources: { limits: { memory: "64Mi", cpu: "100m" } } });
  await space.deployPause("huge", 1, {}, { resources: { limits: { memory: "3Gi" }, requests: { memory: "1Mi" } } });
  await space.deployPause("free", 1);
});
afterEach(async () => {
  for (const undo of open.splice(0)) {
    await podsOom.revert(undo, context);
    expectEvidence(await podsOom.verifyReverted(undo, context), false);
    for (const node of await cluster.nodes()) expect(await leftOnNode(node)).not.toContain(undo.id);
  }
});
afterAll(async () => space.remove());

async function prepare(selector: string, change: Partial<FaultContext> = {}): Promise<OomUndo> {
  const undo = await podsOom.prepare({ kind: "pods.oom", targets: { selector } }, { ...context, ...change });
  open.push(undo);
  return undo;
}

test.each(["app=web", "app=whole"])("%s: killed by the kernel, told by the kubelet, ready again", async (selector) => {
  const undo = await prepare(selector);
  expectEvidence(await podsOom.verifyEffective(undo, context), false);
  await podsOom.inject(undo, context, LEASE_MS);
  const during = await podsOom.verifyEffective(undo, context);
  expectEvidence(during, true);
  expect(during.because).toMatch(/(OOMKilled|Error), exit code 137; the kernel counted [1-9]/);
  // Called again, as after half of it: the container that stands there now is another one.
  await podsOom.inject(undo, context, LEASE_MS);
  await podsOom.revert(undo, context);
  const after = await podsOom.verifyReverted(undo, context);
  expectEvidence(after, false);
  await podsOom.revert(undo, context);
});

test("what is left of it goes when the lease lapses", async () => {
  const undo = await prepare("app=web", { faultId: "test/oom/1" });
  await podsOom.inject(undo, context, 2_000);
  await waitFor({
    what: "the nodes to have put themselves right",
    timeoutMs: 20_000,
    everyMs: 200,
    probe: async () => {
      const left = await Promise.all((await cluster.nodes()).map(leftOnNode));
      return left.flat().includes(undo.id)
        ? { done: false, saw: left.flat().join() }
        : { done: true, value: undefined };
    },
  });
});

test("what was never injected is clean, and so are pods that are gone", async () => {
  const undo = await prepare("app=web", { faultId: "test/oom/2" });
  await podsOom.revert(undo, context);
  expectEvidence(await podsOom.verifyReverted(undo, context), false);
  const gone = { ...undo, targets: undo.targets.map((target) => ({ ...target, uid: "0".repeat(8) })) };
  expect((await podsOom.verifyReverted(gone, context)).because).toContain("is gone");
});

test("containers without a limit, or with one that could hurt the machine, are refused", async () => {
  await expect(prepare("app=free")).rejects.toThrow(/has no memory limit: it would take the machine's/);
  await expect(prepare("app=huge")).rejects.toThrow(/has a memory limit of 3221225472 bytes/);
});
