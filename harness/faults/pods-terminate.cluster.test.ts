/** A rolling restart that completes, and one that cannot: as many replicas as nodes, each wanting a node of its own. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ClusterHandle } from "../cluster/provider.ts";
import { expectEvidence, faultContext } from "../testing/fault-context.ts";
import { type TestNamespace, testNamespace } from "../testing/pause-deployment.ts";
import { sharedCluster } from "../testing/shared-cluster.ts";
import type { Observation } from "../types.ts";
import type { FaultContext } from "./fault.ts";
import { terminatePods } from "./pods-terminate.ts";

const LEASE_MS = 120_000;
const ALONE = {
  affinity: {
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { topologyKey: "kubernetes.io/hostname", labelSelector: { matchLabels: { app: "alone" } } },
      ],
    },
  },
};
let cluster: ClusterHandle;
let namespace: TestNamespace;
let context: FaultContext;
const seen: Partial<Observation>[] = [];

beforeAll(async () => {
  cluster = await sharedCluster();
  namespace = await testNamespace(cluster, "terminate");
  context = faultContext(cluster, {
    runId: "terminate-test",
    namespace: namespace.name,
    observe: (observation) => seen.push(observation as Partial<Observation>),
  });
});
afterAll(async () => namespace?.remove());

const spec = (deployment: string) =>
  ({ kind: "pods.terminate", deployment, rollingRestarts: 1, deletions: 0, every: "1s" }) as const;

test("a restart that completes has ended every pod, and the revert leaves it", async () => {
  await namespace.deployPause("steady", 2);
  const undo = await terminatePods.prepare(spec("steady"), context);
  expectEvidence(await terminatePods.verifyEffective(undo, context), false);
  await terminatePods.inject(undo, context, LEASE_MS);
  expectEvidence(await terminatePods.verifyEffective(undo, context), true);
  expect(seen.at(-1)).toMatchObject({ type: "rollout", deployment: "steady", hangs: null });
  await terminatePods.revert(undo, context);
  await terminatePods.revert(undo, context);
  expectEvidence(await terminatePods.verifyReverted(undo, context), false);
});

test("a restart that hangs ends, says what it waits for, and is rolled back", async () => {
  const workers = (await cluster.nodes()).filter(({ role }) => role === "worker").length;
  await namespace.deployPause("alone", workers, ALONE);
  // The default of maxUnavailable, 25 %, is none of two pods: the new pod must come first.
  const undo = await terminatePods.prepare(spec("alone"), context);
  await terminatePods.revert(undo, context);
  expectEvidence(await terminatePods.verifyEffective(undo, context), false);
  await terminatePods.inject(undo, context, LEASE_MS);
  const evidence = await terminatePods.verifyEffective(undo, context);
  expectEvidence(evidence, true);
  expect(evidence.because).toMatch(/hangs: alone-\S+ is not scheduled: .*anti-affinity/);
  expect(seen.at(-1)).toMatchObject({ deployment: "alone", hangs: expect.stringContaining("anti-affinity") });
  await terminatePods.revert(undo, context);
  await terminatePods.revert(undo, context);
  expectEvidence(await terminatePods.verifyReverted(undo, context), false);
  expectEvidence(await terminatePods.verifyEffective(undo, context), false);
});
