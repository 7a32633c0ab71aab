/** Loss, latency and bandwidth: one walk for the three, since they differ in what is measured alone. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { ClusterHandle } from "../cluster/provider.ts";
import { leftovers } from "../run/leftovers.ts";
import { expectEvidence, faultContext, untilGoneByItself } from "../testing/fault-context.ts";
import { type TestNamespace, testNamespace } from "../testing/pause-deployment.ts";
import { sharedCluster } from "../testing/shared-cluster.ts";
import type { Fault, FaultContext } from "./fault.ts";
import { networkBandwidth } from "./network-bandwidth.ts";
import { networkLatency } from "./network-latency.ts";
import { networkLoss } from "./network-loss.ts";

const LEASE_MS = 60_000;
const ENDS = { pods: { selector: "app=web" }, peers: { service: { name: "db" } } };
const CASES = [
  { fault: networkLoss as unknown as Fault, spec: { kind: "network.loss", percent: 30 }, value: "lostPercent" },
  { fault: networkLatency as unknown as Fault, spec: { kind: "network.latency", delay: "100ms" }, value: "delayMs" },
  {
    fault: networkBandwidth as unknown as Fault,
    spec: { kind: "network.bandwidth", rate: "2mbit" },
    value: "kbitPerS",
  },
] as const;
type Undo = Awaited<ReturnType<Fault["prepare"]>>;

let cluster: ClusterHandle;
let namespace: TestNamespace;
let before: readonly string[];
const open: { readonly fault: Fault; readonly undo: Undo; readonly context: FaultContext }[] = [];

beforeAll(async () => {
  cluster = await sharedCluster();
  before = await onNodes();
  namespace = await testNamespace(cluster, "shapes");
  await Promise.all([namespace.deployPause("web", 2), namespace.deployPause("db", 1)]);
  const metadata = { name: "db", namespace: namespace.name };
  await cluster.kube.apply({
    apiVersion: "v1",
    kind: "Service",
    metadata,
    spec: { selector: { app: "db" }, ports: [{ port: 80 }] },
  });
});
afterEach(async () => {
  for (const { fault, undo, context } of open.splice(0).reverse()) {
    await fault.revert(undo, context);
    const { effective, because } = await fault.verifyReverted(undo, context);
    expect(effective, because).toBe(false);
  }
  expect(await onNodes()).toEqual(before);
});
afterAll(async () => namespace.remove());

/** Rules, units and folders of ours on the nodes. */
async function onNodes(): Promise<readonly string[]> {
  const found = await leftovers(cluster);
  return found.map(({ where, what }) => `${where}: ${what}`).filter((line) => / (iptables|unit|folder) /.test(line));
}

async function prepare(fault: Fault, spec: object) {
  const faultId = `test/${fault.kind}/${open.length}`;
  const context = faultContext(cluster, { namespace: namespace.name, faultId, runId: "shapes-test" });
  const undo = await fault.prepare({ ...ENDS, ...spec } as never, context);
  open.push({ fault, undo, context });
  return { undo, context, look: () => fault.verifyEffective(undo, context) };
}

describe.each(CASES)("$spec.kind", ({ fault, spec, value }) => {
  test("no effect before, in effect after inject, clean after revert; all may be called again", async () => {
    const { undo, context, look } = await prepare(fault, spec);
    expectEvidence(await look(), false);
    await fault.inject(undo, context, LEASE_MS);
    expectEvidence(await look(), true);
    await fault.inject(undo, context, LEASE_MS);
    await fault.renew?.(undo, context, LEASE_MS);
    expectEvidence(await look(), true);

    await fault.revert(undo, context);
    expectEvidence(await fault.verifyReverted(undo, context), false);
    expectEvidence(await look(), false);
    await fault.revert(undo, context);
  });

  test("one way alone, between nodes", async () => {
    const nodes = { pods: undefined, nodes: { names: ["worker2"] }, peers: { nodes: { names: ["worker"] } } };
    const { undo, context, look } = await prepare(fault, { ...spec, ...nodes, direction: "to-peers" });
    await fault.inject(undo, context, LEASE_MS);
    const evidence = await look();
    expectEvidence(evidence, true);
    expect(evidence.values[`to.${value}`]).not.toBeCloseTo(Number(evidence.values[`from.${value}`]), -1);
  });

  test("it undoes itself when nobody renews, and reverting what was never injected is right", async () => {
    const { undo, context } = await prepare(fault, spec);
    await fault.revert(undo, context);
    expectEvidence(await fault.verifyReverted(undo, context), false);
    await fault.inject(undo, context, LEASE_MS);
    await fault.renew?.(undo, context, 1_000);
    await untilGoneByItself(fault, undo, context, 60_000);
    await expect(fault.renew?.(undo, context, 1_000)).rejects.toThrow(/its lease had lapsed/);
  });
});

test("a slow, late and lossy link: three faults on the same pods are all in effect", async () => {
  const cases = [
    { fault: CASES[0].fault, spec: { kind: "network.loss", percent: 10, direction: "to-peers" } },
    { fault: CASES[1].fault, spec: { kind: "network.latency", delay: "50ms", jitter: "10ms" } },
  ];
  const all = [];
  for (const { fault, spec } of cases) {
    const one = await prepare(fault, spec);
    await fault.inject(one.undo, one.context, LEASE_MS);
    all.push(one);
  }
  for (const { look } of all) expectEvidence(await look(), true);
  const second = prepare(CASES[1].fault, CASES[1].spec);
  await expect(second).rejects.toThrow(/hit by the same kind of fault already/);
});
