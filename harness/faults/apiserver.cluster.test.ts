/** The faults between chosen clients and the API server, on pods that do nothing: curl asks where they are. */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { LABEL_FAULT, SYSTEM_NAMESPACE } from "../cluster/labels.ts";
import type { ClusterHandle } from "../cluster/provider.ts";
import { expectEvidence, faultContext, untilGoneByItself } from "../testing/fault-context.ts";
import { type TestNamespace, testNamespace } from "../testing/pause-deployment.ts";
import { sharedCluster } from "../testing/shared-cluster.ts";
import { rulesLeft } from "./agent/redirect.ts";
import type { ApiUndo } from "./apiserver/fault.ts";
import { apiServerLatency } from "./apiserver-latency.ts";
import { apiServerUnavailable } from "./apiserver-unavailable.ts";
import type { Fault, FaultContext } from "./fault.ts";
import { watchStall } from "./watch-stall.ts";

const LEASE_MS = 60_000;
const clients = { selector: "app=client" };
let cluster: ClusterHandle;
let namespace: TestNamespace;
let context: FaultContext;
let open: ApiUndo | null = null;

beforeAll(async () => {
  cluster = await sharedCluster();
  namespace = await testNamespace(cluster, "api");
  await namespace.deployPause("client", 2);
  context = faultContext(cluster, { namespace: namespace.name, runId: "api-test" });
});
afterEach(async () => {
  if (open === null) return;
  // What they share: undoing needs no kind.
  await watchStall.revert(open, context);
  expectEvidence(await watchStall.verifyReverted(open, context), false);
  expect(await objectsLeft(open.id)).toEqual([]);
  open = null;
});
afterAll(async () => namespace?.remove());

async function objectsLeft(id: string): Promise<readonly string[]> {
  const kinds = [
    ["v1", "Pod"],
    ["v1", "Secret"],
    ["v1", "ServiceAccount"],
    ["rbac.authorization.k8s.io/v1", "Role"],
    ["rbac.authorization.k8s.io/v1", "RoleBinding"],
  ] as const;
  const lists = kinds.map(async ([apiVersion, kind]) => {
    const found = await cluster.kube.list(
      { apiVersion, kind, namespace: SYSTEM_NAMESPACE },
      { labelSelector: `${LABEL_FAULT}=${id}` },
    );
    return found.filter(({ metadata }) => metadata.deletionTimestamp === undefined).map(() => kind);
  });
  return (await Promise.all(lists)).flat();
}

async function walk<Spec extends Parameters<Fault["prepare"]>[0]>(fault: Fault<Spec, ApiUndo>, spec: Spec) {
  const undo = await fault.prepare(spec, context);
  open = undo;
  expectEvidence(await fault.verifyEffective(undo, context), false);
  await fault.inject(undo, context, LEASE_MS);
  const during = await fault.verifyEffective(undo, context);
  expectEvidence(during, true);
  await fault.inject(undo, context, LEASE_MS);
  await fault.renew?.(undo, context, LEASE_MS);
  expectEvidence(await fault.verifyEffective(undo, context), true);
  await fault.revert(undo, context);
  const after = await fault.verifyReverted(undo, context);
  expectEvidence(after, false);
  expect(after.values).toMatchObject({ targets: 2, rules: 0 });
  await fault.revert(undo, context);
  return during;
}

test("apiserver.latency", async () => {
  const { values } = await walk(apiServerLatency, { kind: "apiserver.latency", clients, latency: "1s" });
  expect(values).toMatchObject({ targets: 2, inEffect: 2 });
});
test.each(["refused", "503", "none"] as const)("apiserver.unavailable: %s", async (answer) => {
  await walk(apiServerUnavailable, { kind: "apiserver.unavailable", clients, answer });
});
test("watch.stall: a watch is open and silent, and a plain request is answered", async () => {
  await walk(watchStall, { kind: "watch.stall", clients });
});

test("a second one on the same client is refused, and nobody renewing undoes it, rules and all", async () => {
  const undo = await apiServerUnavailable.prepare({ kind: "apiserver.unavailable", clients, answer: "503" }, context);
  open = undo;
  await apiServerUnavailable.inject(undo, context, LEASE_MS);
  const second = watchStall.prepare({ kind: "watch.stall", clients }, { ...context, faultId: "test/api/1" });
  await expect(second).rejects.toThrow(/is redirected already by faultline-api-/);
  await apiServerUnavailable.renew?.(undo, context, 1_000);
  await untilGoneByItself(apiServerUnavailable, undo, context);
  await expect.poll(async () => rulesLeft(context, undo.id), { timeout: 20_000 }).toBe(0);
  await expect(apiServerUnavailable.renew?.(undo, context, 1_000)).rejects.toThrow(/its lease had lapsed/);
});

test("the kernel's own refusal goes with its lease too", async () => {
  const undo = await apiServerUnavailable.prepare({ kind: "apiserver.unavailable", clients }, context);
  open = undo;
  await apiServerUnavailable.inject(undo, context, 2_000);
  await untilGoneByItself(apiServerUnavailable, undo, context);
});

test("reverting what was never injected is right, and so are clients that are gone", async () => {
  const undo = await watchStall.prepare({ kind: "watch.stall", clients }, context);
  await watchStall.revert(undo, context);
  const gone = { ...undo, clients: undo.clients.map((client) => ({ ...client, uid: "gone" })) };
  await watchStall.revert(gone, context);
  const evidence = await watchStall.verifyReverted(gone, context);
  expectEvidence(evidence, false);
  expect(evidence.because).toContain("none of its clients");
});
