import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { INGRESS } from "../cluster/ingress/traefik.ts";
import { LABEL_FAULT, SYSTEM_NAMESPACE } from "../cluster/labels.ts";
import type { ClusterHandle } from "../cluster/provider.ts";
import { seeded } from "../plan/random.ts";
import { sharedCluster } from "../testing/shared-cluster.ts";
import type { Duration } from "../types.ts";

import { podNetwork } from "./agent/pod-network.ts";
import { controllerPods } from "./endpoint-lag/targets.ts";
import type { FaultContext } from "./fault.ts";
import { type EndpointLagUndo, endpointLag } from "./ingress-endpoint-lag.ts";

const LEASE_MS = 60_000;
let cluster: ClusterHandle;
let context: FaultContext;
const open: EndpointLagUndo[] = [];

beforeAll(async () => {
  cluster = await sharedCluster();
  context = contextOf("test/lag/0");
  await expectClean();
});
beforeEach(() => {
  context = contextOf("test/lag/0");
});
afterEach(async () => {
  for (const undo of open.splice(0)) {
    await endpointLag.revert(undo, context);
    await endpointLag.verifyReverted(undo, context);
  }
});

function contextOf(faultId: string): FaultContext {
  return {
    cluster,
    namespace: "default",
    faultId,
    runId: "lag-test",
    images: {},
    random: seeded(1),
    signal: new AbortController().signal,
    budgetMs: 120_000,
    log: () => undefined,
    observe: () => undefined,
  };
}

async function prepare(lag: Duration): Promise<EndpointLagUndo> {
  const undo = await endpointLag.prepare({ kind: "ingress.endpoint-lag", lag }, context);
  open.push(undo);
  return undo;
}

/** All that the fault could leave: rules in the controllers' network namespaces, and objects with the fault's label. */
async function fingerprint(): Promise<readonly string[]> {
  const nodes = await cluster.nodes();
  const found: string[] = [];
  for (const target of await controllerPods(context, INGRESS)) {
    const rules = (await (await podNetwork(nodes, target))?.rules()) ?? "no network namespace";
    found.push(...rules.split("\n").filter((line) => line.startsWith("-A")));
  }
  const kinds = [
    ["v1", "Pod"],
    ["v1", "Secret"],
    ["v1", "Service"],
    ["discovery.k8s.io/v1", "EndpointSlice"],
    ["networking.k8s.io/v1", "Ingress"],
  ] as const;
  for (const [apiVersion, kind] of kinds) {
    const ref = { apiVersion, kind, namespace: SYSTEM_NAMESPACE };
    const objects = await cluster.kube.list(ref, { labelSelector: LABEL_FAULT });
    found.push(...objects.map((one) => `${kind} ${one.metadata.name}`));
  }
  const requests = { apiVersion: "certificates.k8s.io/v1", kind: "CertificateSigningRequest" };
  const signing = await cluster.kube.list(requests, { labelSelector: LABEL_FAULT });
  return [...found, ...signing.map((one) => `CertificateSigningRequest ${one.metadata.name}`)].sort();
}

async function expectClean(): Promise<void> {
  expect(await fingerprint()).toEqual([]);
}

describe("ingress.endpoint-lag on a real cluster", () => {
  it.each(["500ms", "5s"] as const)("%s: no effect before, in effect after inject, clean after revert", async (lag) => {
    const undo = await prepare(lag);
    expect(await endpointLag.verifyEffective(undo, context)).toMatchObject({ effective: false });

    await endpointLag.inject(undo, context, LEASE_MS);
    const during = await endpointLag.verifyEffective(undo, context);
    expect(during, during.because).toMatchObject({ effective: true });
    expect(during.values.measuredLagMs).toBeGreaterThanOrEqual(0.9 * undo.lagMs);

    await endpointLag.revert(undo, context);
    const after = await endpointLag.verifyReverted(undo, context);
    expect(after, after.because).toMatchObject({ effective: false, values: { rules: 0 } });
    await endpointLag.revert(undo, context);
    await expectClean();
  });

  it("refuses a second one while it is in, and undoes itself when nobody renews the lease", async () => {
    const undo = await prepare("5s");
    await endpointLag.inject(undo, context, LEASE_MS);
    const second = endpointLag.prepare({ kind: "ingress.endpoint-lag", lag: "1s" }, contextOf("test/lag/1"));
    await expect(second).rejects.toThrow(/is redirected already by faultline-lag-/);

    await endpointLag.renew?.(undo, context, 1_000);
    const evidence = await endpointLag.verifyEffective(undo, context);
    expect(evidence, evidence.because).toMatchObject({ effective: false });
  });

  it("can be reverted when its proxy has died without a word", async () => {
    const undo = await prepare("2s");
    await endpointLag.inject(undo, context, LEASE_MS);
    const proxy = { apiVersion: "v1", kind: "Pod", namespace: SYSTEM_NAMESPACE, name: undo.id };
    await cluster.kube.delete(proxy, { gracePeriodSeconds: 0 });
    await endpointLag.revert(undo, context);
    const after = await endpointLag.verifyReverted(undo, context);
    expect(after, after.because).toMatchObject({ effective: false });
    await expectClean();
  });

  it("reverting what was never injected is right", async () => {
    const undo = await prepare("2s");
    await endpointLag.revert(undo, context);
    expect(await endpointLag.verifyReverted(undo, context)).toMatchObject({ effective: false });
    await expectClean();
  });
});
