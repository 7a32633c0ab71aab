import { afterEach, beforeAll, expect, test } from "vitest";
import { docker } from "../cluster/docker.ts";
import { leftOnHost } from "../cluster/host-guard.ts";
import type { ClusterHandle, NodeHandle } from "../cluster/provider.ts";
import { waitFor } from "../cluster/wait.ts";
import { expectEvidence, faultContext, untilGoneByItself, untilNothingLeft } from "../testing/fault-context.ts";
import { sharedCluster } from "../testing/shared-cluster.ts";
import { readFacts } from "./cpu/look.ts";
import type { FaultContext } from "./fault.ts";
import { leftOnNode } from "./node/on-node.ts";
import { type CpuSaturationUndo, cpuSaturation } from "./node-cpu-saturation.ts";

const LEASE_MS = 120_000;
const SPEC = { kind: "node.cpu-saturation", targets: { names: ["worker2"] }, percent: 60, cap: 0.5 } as const;
let cluster: ClusterHandle;
let context: FaultContext;
let node: NodeHandle;
let undo: CpuSaturationUndo;

beforeAll(async () => {
  cluster = await sharedCluster();
  context = faultContext(cluster, { runId: "cpu-test" });
  node = (await cluster.nodes()).find(({ name }) => name.endsWith("worker2")) as NodeHandle;
  undo = await cpuSaturation.prepare(SPEC, context);
});
afterEach(async () => {
  await cpuSaturation.revert(undo, context);
  expectEvidence(await cpuSaturation.verifyReverted(undo, context), false);
  expect(await leftOnHost()).not.toContain(undo.id);
  expect(await leftOnNode(node)).toEqual([]);
  expect(await readFacts(node)).toMatchObject({ cap: null, faults: [] });
});

const measured = async () => cpuSaturation.verifyEffective(undo, context);

/** A machine that others use too may have nothing to give for a while; the fault says so, and is looked at again. */
async function untilHeld(what: string) {
  return await waitFor({
    what,
    timeoutMs: 150_000,
    everyMs: 500,
    probe: async () => {
      const evidence = await measured();
      return evidence.effective ? { done: true, value: evidence } : { done: false, saw: evidence.because };
    },
  });
}

test("no effect before, held at its target after inject, clean after revert; both may be called again", async () => {
  expectEvidence(await measured(), false);
  await cpuSaturation.inject(undo, context, LEASE_MS);
  const during = await untilHeld("the node at 60 % of half a CPU");
  expect(during.values).toMatchObject({ capacityCpus: 0.5, usedPercent: expect.any(Number) });
  expect(await readFacts(node)).toMatchObject({ cap: 0.5, faults: [undo.id] });
  await cpuSaturation.inject(undo, context, LEASE_MS);
  await cpuSaturation.renew?.(undo, context, LEASE_MS);
  await untilHeld("the same after a second inject");
  const second = cpuSaturation.prepare(SPEC, faultContext(cluster, { faultId: "test/cpu/1" }));
  await expect(second).rejects.toThrow(/two would fight over its quota/);

  await cpuSaturation.revert(undo, context);
  expectEvidence(await cpuSaturation.verifyReverted(undo, context), false);
  expectEvidence(await measured(), false);
  await cpuSaturation.revert(undo, context);
});

test("it undoes itself when nobody renews the lease, the cap too, and that is lifted for good", async () => {
  await cpuSaturation.inject(undo, context, LEASE_MS);
  await cpuSaturation.renew?.(undo, context, 1_000);
  await untilGoneByItself(cpuSaturation, undo, context, 60_000);
  const left = async () => [...(await leftOnNode(node)), ...(await leftOnHost()).filter((id) => id === undo.id)];
  await untilNothingLeft("node and machine to be clean", 60_000, left);
  expect(await readFacts(node)).toMatchObject({ cap: null });
  await expect(cpuSaturation.renew?.(undo, context, 1_000)).rejects.toThrow(/its lease had lapsed/);
});

test("a node that is capped keeps its own cap, whatever the fault would cap it at", async () => {
  await docker(["update", "--cpu-quota", "40000", node.name]);
  try {
    undo = await cpuSaturation.prepare(SPEC, context);
    expect(undo.nodes).toMatchObject([{ capacity: 0.4, ownCap: 0.4 }]);
    await cpuSaturation.inject(undo, context, LEASE_MS);
    await untilHeld("the node at 60 % of its own cap");
    await cpuSaturation.revert(undo, context);
    expectEvidence(await cpuSaturation.verifyReverted(undo, context), false);
    expect(await readFacts(node)).toMatchObject({ cap: 0.4 });
  } finally {
    await docker(["update", "--cpu-quota", "-1", node.name]);
    undo = await cpuSaturation.prepare(SPEC, context);
  }
});

test("reverting is right without an inject, after half of one, and when the node is gone", async () => {
  await cpuSaturation.revert(undo, context);
  // The cap is set, the group is there, and nothing runs in it.
  await docker(["update", "--cpu-quota", "50000", node.name]);
  const half = `for at in /sys/fs/cgroup/{cpu,cpuacct,.}; do for pods in $at/{*/,}*kubepods.slice; do [ -d "$pods" ] && mkdir -p "$pods/${undo.id}"; done; done; true`;
  await node.exec(["bash", "-c", half], { timeoutMs: 20_000 });
  await cpuSaturation.revert(undo, context);
  expectEvidence(await cpuSaturation.verifyReverted(undo, context), false);
  const nodes = [{ ...undo.nodes[0], name: "worker-that-is-gone", container: "0".repeat(64) }];
  const gone = { ...undo, nodes } as CpuSaturationUndo;
  await cpuSaturation.revert(gone, context);
  expectEvidence(await cpuSaturation.verifyReverted(gone, context), false);
});

test("what would take all of the machine is refused before anything is touched", async () => {
  const all = { kind: "node.cpu-saturation", targets: { atMost: "100%" }, percent: 100 } as const;
  await expect(cpuSaturation.prepare(all, context)).rejects.toThrow(/of this machine's .* CPUs, and 0.25 must be left/);
});
