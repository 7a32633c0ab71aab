import { afterAll, beforeAll, expect, test } from "vitest";
import type { ClusterHandle } from "../cluster/provider.ts";
import { expectEvidence, faultContext } from "../testing/fault-context.ts";
import { type TestNamespace, testNamespace } from "../testing/pause-deployment.ts";
import { sharedCluster } from "../testing/shared-cluster.ts";
import type { FaultContext } from "./fault.ts";
import { killPods } from "./pods-kill.ts";

const LEASE_MS = 60_000;
const targets = { selector: "app=web", count: 2, atMost: "50%" } as const;
let cluster: ClusterHandle;
let space: TestNamespace;
let context: FaultContext;

beforeAll(async () => {
  cluster = await sharedCluster();
  space = await testNamespace(cluster, "kill");
  context = faultContext(cluster, { runId: "kill-test", namespace: space.name });
  await space.deployPause("web", 4);
});
afterAll(async () => space.remove());

const uids = async () =>
  (await cluster.kube.list({ apiVersion: "v1", kind: "Pod", namespace: space.name })).map(
    (pod): string => pod.metadata.uid,
  );

test.each(["none", "pod", "1s"] as const)("grace %s: the chosen ones end, and only they", async (grace) => {
  const before = await uids();
  const undo = await killPods.prepare({ kind: "pods.kill", targets, grace }, context);
  const victims = undo.victims.map(({ uid }) => uid);
  expect([before.length, new Set(victims).size, victims.every((uid) => before.includes(uid))]).toEqual([4, 2, true]);
  expectEvidence(await killPods.verifyEffective(undo, context), false);

  await killPods.inject(undo, context, LEASE_MS);
  expectEvidence(await killPods.verifyEffective(undo, context), true);

  await killPods.revert(undo, context);
  await killPods.revert(undo, context);
  const after = await killPods.verifyReverted(undo, context);
  expectEvidence(after, false);
  expect(after.values).toMatchObject({ ready: 4, wanted: 4, ending: 0 });
  const kept = before.filter((uid) => !victims.includes(uid));
  const now = await uids();
  expect(now).toHaveLength(4);
  expect(now).toEqual(expect.arrayContaining(kept));
  // Called again, as after half of it: whoever stands there now is another pod.
  await killPods.inject(undo, context, LEASE_MS);
  expect((await uids()).sort()).toEqual(now.sort());
});

test("what was never injected is clean, and so is what is gone", async () => {
  const undo = await killPods.prepare({ kind: "pods.kill", targets }, context);
  await killPods.revert(undo, context);
  expectEvidence(await killPods.verifyReverted(undo, context), false);
  const gone = { ...undo, owners: undo.owners.map((owner) => ({ ...owner, namespace: "gone" })) };
  const evidence = await killPods.verifyReverted(gone, context);
  expectEvidence(evidence, false);
  expect(evidence.because).toContain("is gone");
});

test("pods that nobody would bring back are refused, and too many, and none", async () => {
  const metadata = { name: "bare", namespace: space.name, labels: { app: "bare" } };
  const [pod] = await cluster.kube.list({ apiVersion: "v1", kind: "Pod", namespace: space.name });
  await cluster.kube.create({
    apiVersion: "v1",
    kind: "Pod",
    metadata,
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: pod.spec.containers.map(({ name, image }: { name: string; image: string }) => ({ name, image })),
    },
  });
  const prepare = async (change: object) =>
    killPods.prepare({ kind: "pods.kill", targets: { ...targets, ...change } }, context);
  await expect
    .poll(async () => prepare({ selector: "app=bare", count: 1, atMost: 1 }).catch(String), { timeout: 60_000 })
    .toMatch(/no controller owns .*bare: nothing would bring it back/);
  await expect(prepare({ count: 3 })).rejects.toThrow(/3 times .* at most 2 may be/);
  await expect(prepare({ selector: "app=nobody" })).rejects.toThrow(/would hit nothing/);
});
