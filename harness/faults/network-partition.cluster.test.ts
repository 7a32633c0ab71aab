import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { ClusterHandle } from "../cluster/provider.ts";
import { waitFor } from "../cluster/wait.ts";
import type { NetworkPartitionFault } from "../fault-specs.ts";
import { leftovers } from "../run/leftovers.ts";
import { expectEvidence, faultContext, untilGoneByItself } from "../testing/fault-context.ts";
import { type TestNamespace, testNamespace } from "../testing/pause-deployment.ts";
import { sharedCluster } from "../testing/shared-cluster.ts";
import type { FaultContext } from "./fault.ts";
import { networkPartition } from "./network-partition.ts";

type Undo = Awaited<ReturnType<typeof networkPartition.prepare>>;
const LEASE_MS = 60_000;
const WEB = { selector: "app=web" };
const DB = { pods: { selector: "app=db" } };
let cluster: ClusterHandle;
let namespace: TestNamespace;
let context: FaultContext;
let before: readonly string[];
const open: Undo[] = [];

beforeAll(async () => {
  cluster = await sharedCluster();
  before = await onNodes();
  namespace = await testNamespace(cluster, "partition");
  await Promise.all([namespace.deployPause("web", 2), namespace.deployPause("db", 1)]);
  context = contextOf("test/partition/0");
});
afterEach(async () => {
  for (const undo of open.splice(0)) {
    await networkPartition.revert(undo, context);
    const { effective, because } = await networkPartition.verifyReverted(undo, context);
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

const contextOf = (faultId: string) =>
  faultContext(cluster, { namespace: namespace.name, faultId, runId: "partition-test" });

async function prepare(spec: Omit<NetworkPartitionFault, "kind">, faultId = "test/partition/0"): Promise<Undo> {
  const undo = await networkPartition.prepare({ kind: "network.partition", ...spec }, contextOf(faultId));
  open.push(undo);
  return undo;
}
const look = async (undo: Undo) => networkPartition.verifyEffective(undo, context);

test("pods and their peers: no effect before, in effect after inject, clean after revert; all may be called again", async () => {
  const undo = await prepare({ pods: WEB, peers: DB });
  expectEvidence(await look(undo), false);
  await networkPartition.inject(undo, context, LEASE_MS);
  expectEvidence(await look(undo), true);
  await networkPartition.inject(undo, context, LEASE_MS);
  await networkPartition.renew?.(undo, context, LEASE_MS);
  expectEvidence(await look(undo), true);

  await networkPartition.revert(undo, context);
  expectEvidence(await networkPartition.verifyReverted(undo, context), false);
  expectEvidence(await look(undo), false);
  await networkPartition.revert(undo, context);
});

test.each(["to-peers", "from-peers"] as const)("one way, %s: the other way stays open", async (direction) => {
  const undo = await prepare({ pods: { ...WEB, count: 1 }, peers: DB, direction, answer: "reject" });
  await networkPartition.inject(undo, context, LEASE_MS);
  const evidence = await look(undo);
  expectEvidence(evidence, true);
  const [hit, free] = direction === "to-peers" ? ["to", "from"] : ["from", "to"];
  expect(evidence.values[`${hit}.received`]).toBe(0);
  expect(evidence.values[`${free}.received`]).toBeGreaterThan(0);
});

test("from everybody, and the kubelet of its own node still reaches it", async () => {
  const undo = await prepare({ pods: WEB });
  expectEvidence(await look(undo), false);
  await networkPartition.inject(undo, context, LEASE_MS);
  expectEvidence(await look(undo), true);
  const [target] = undo.targets;
  const node = (await cluster.nodes()).find(({ name }) => name === target?.node);
  // Refused by the pod itself: a packet of the node and its answer have passed.
  const argv = ["curl", "--silent", "--show-error", "--max-time", "5", `http://${target?.ip}:9/`];
  const said = await node?.exec(argv, { timeoutMs: 20_000, accept: "any" });
  expect(said?.stderr).toMatch(/refused|Could not connect|Couldn't connect/);
});

test("nodes from each other", async () => {
  const undo = await prepare({ nodes: { names: ["worker2"] }, peers: { nodes: { names: ["worker"] } } });
  expect(networkPartition.unsettles?.(undo)).toEqual([expect.stringMatching(/worker2$/)]);
  expectEvidence(await look(undo), false);
  await networkPartition.inject(undo, context, LEASE_MS);
  expectEvidence(await look(undo), true);
});

test("pods that replace others are followed, and so are peers; what is left over is undone by name alone", async () => {
  const undo = await prepare({ pods: WEB, peers: DB });
  await networkPartition.inject(undo, context, LEASE_MS);
  const pod = { apiVersion: "v1", kind: "Pod", namespace: namespace.name };
  const names = [undo.targets[0]?.name, ...undo.peers.witnesses.map(({ name }) => name)];
  for (const name of names) await cluster.kube.delete({ ...pod, name: String(name) }, { gracePeriodSeconds: 0 });
  const evidence = await waitFor({
    what: "the replacements to be hit",
    timeoutMs: 60_000,
    everyMs: 200,
    probe: async () => {
      const now = await look(undo);
      const isDone = now.effective && now.values.targets === 2 && Number(now.values.pods) === 3;
      return isDone ? { done: true, value: now } : { done: false, saw: now.because };
    },
  });
  expect(Number(evidence.values.coveredPodSeconds)).toBeLessThan(Number(evidence.values.podSeconds));
  expect(Number(evidence.values.coveredPodSeconds)).toBeGreaterThan(0);
});

test("a second one on the same pods is refused, and reverting what was never injected is right", async () => {
  const undo = await prepare({ pods: WEB, peers: DB });
  await networkPartition.revert(undo, context);
  expectEvidence(await networkPartition.verifyReverted(undo, context), false);
  await networkPartition.inject(undo, context, LEASE_MS);
  await expect(prepare({ pods: WEB }, "test/partition/1")).rejects.toThrow(/hit by the same kind of fault already/);
  await expect(prepare({ pods: { selector: "app=none" } }, "test/partition/2")).rejects.toThrow(/would hit nothing/);
  const nowhere = prepare({ pods: WEB, peers: { cidrs: ["192.0.2.0/24"] } }, "test/partition/3");
  await expect(nowhere).rejects.toThrow(/has no peer in this cluster/);
});

test("it undoes itself when nobody renews, and is not put back by what happens later", async () => {
  const undo = await prepare({ pods: WEB, peers: DB });
  await networkPartition.inject(undo, context, 2_000);
  await untilGoneByItself(networkPartition, undo, context);
  await expect(networkPartition.renew?.(undo, context, 1_000)).rejects.toThrow(/its lease had lapsed/);
  expect(await onNodes()).toEqual(before);
});
