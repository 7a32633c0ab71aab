import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { ClusterHandle } from "../cluster/provider.ts";
import { waitFor } from "../cluster/wait.ts";
import { expectEvidence, faultContext, untilGoneByItself } from "../testing/fault-context.ts";
import { type TestNamespace, testNamespace } from "../testing/pause-deployment.ts";
import { sharedCluster } from "../testing/shared-cluster.ts";
import type { FaultContext } from "./fault.ts";
import { leftOnNode } from "./node/on-node.ts";
import { lookIfWell } from "./pods/kubelet-says.ts";
import { type CrashLoopUndo, crashLoop } from "./pods-crash-loop.ts";

const LEASE_MS = 120_000;
const SPEC = { kind: "pods.crash-loop", targets: { selector: "app=web", count: 2, atMost: 2 } } as const;
let cluster: ClusterHandle;
let space: TestNamespace;
let context: FaultContext;
let undo: CrashLoopUndo;

beforeAll(async () => {
  cluster = await sharedCluster();
  space = await testNamespace(cluster, "crashes");
  context = faultContext(cluster, { runId: "crashes-test", namespace: space.name });
  await space.deployPause("web", 3);
  undo = await crashLoop.prepare(SPEC, context);
});
afterEach(async () => {
  await crashLoop.revert(undo, context);
  expectEvidence(await crashLoop.verifyReverted(undo, context), false);
  for (const node of await cluster.nodes()) expect(await leftOnNode(node)).not.toContain(undo.id);
});
afterAll(async () => space.remove());

test("no effect before, backed off from after inject, the same pods ready after revert; all may be called again", async () => {
  expectEvidence(await crashLoop.verifyEffective(undo, context), false);
  await crashLoop.inject(undo, context, LEASE_MS);
  expectEvidence(await crashLoop.verifyEffective(undo, context), true);
  const second = crashLoop.prepare(
    { ...SPEC, targets: { ...SPEC.targets, selector: "app=web", count: 3, atMost: 3 } },
    faultContext(cluster, { faultId: "test/crashes/1", namespace: space.name }),
  );
  // Only one of the three is ready, and that is the one which is not hit.
  expect((await second).targets).toHaveLength(1);
  await crashLoop.inject(undo, context, LEASE_MS);
  await crashLoop.renew?.(undo, context, LEASE_MS);

  const began = performance.now();
  await crashLoop.revert(undo, context);
  expectEvidence(await crashLoop.verifyReverted(undo, context), false);
  process.stderr.write(`ready ${Math.round(performance.now() - began)} ms after the revert began\n`);
  expectEvidence(await crashLoop.verifyEffective(undo, context), false);
  await crashLoop.revert(undo, context);
});

test("it ends by itself when nobody renews the lease, and the pods are ready without waiting for the back-off", async () => {
  await crashLoop.inject(undo, context, LEASE_MS);
  expectEvidence(await crashLoop.verifyEffective(undo, context), true);
  await crashLoop.renew?.(undo, context, 1_000);
  await untilGoneByItself(crashLoop, undo, context, 60_000);
  await waitFor({
    what: "the pods to be ready",
    timeoutMs: 90_000,
    everyMs: 250,
    probe: async () => {
      const found = await Promise.all(undo.targets.map(async (target) => lookIfWell(target, context)));
      const ill = found.filter(({ inEffect }) => inEffect);
      return ill.length === 0
        ? { done: true, value: undefined }
        : { done: false, saw: ill.map(({ saw }) => saw).join("; ") };
    },
  });
  await expect(crashLoop.renew?.(undo, context, 1_000)).rejects.toThrow(/its lease had lapsed/);
});

test("what was never injected is clean, and so are pods that are gone", async () => {
  await crashLoop.revert(undo, context);
  const gone = { ...undo, targets: undo.targets.map((target) => ({ ...target, uid: "0".repeat(8) })) };
  await crashLoop.revert(gone, context);
  const evidence = await crashLoop.verifyReverted(gone, context);
  expectEvidence(evidence, false);
  expect(evidence.because).toContain("is gone");
});

test("a container that no pod has is refused with those that there are", async () => {
  const wrong = crashLoop.prepare({ ...SPEC, container: "sidecar" }, context);
  await expect(wrong).rejects.toThrow(/has no running container sidecar/);
});
