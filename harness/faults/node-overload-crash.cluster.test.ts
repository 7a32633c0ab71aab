import { afterEach, beforeAll, expect, test } from "vitest";
import { leftOnHost } from "../cluster/host-guard.ts";
import type { ClusterHandle } from "../cluster/provider.ts";
import { waitFor } from "../cluster/wait.ts";
import { expectEvidence, faultContext } from "../testing/fault-context.ts";
import { sharedCluster } from "../testing/shared-cluster.ts";
import type { Evidence } from "../types.ts";
import type { FaultContext } from "./fault.ts";
import { type CpuSaturationUndo, cpuSaturation } from "./node-cpu-saturation.ts";
import { type OverloadCrashUndo, overloadCrash } from "./node-overload-crash.ts";

const LEASE_MS = 120_000;
const SPEC = { kind: "node.overload-crash", targets: {}, threshold: 50, for: "3s" } as const;
/** Far above the threshold, on a node so small that a busy machine can give it that much. */
const LOAD = { kind: "node.cpu-saturation", targets: { names: ["worker2"] }, percent: 100, cap: 0.3 } as const;
let cluster: ClusterHandle;
let context: FaultContext;
let undo: OverloadCrashUndo;
let load: CpuSaturationUndo;

beforeAll(async () => {
  cluster = await sharedCluster();
  context = faultContext(cluster, { runId: "overload-test" });
  load = await cpuSaturation.prepare(LOAD, context);
  undo = await overloadCrash.prepare(SPEC, context);
});
afterEach(async () => {
  // Newest first, as a run does: a node that is down can be put right only when it is back.
  await overloadCrash.revert(undo, context);
  await cpuSaturation.revert(load, context);
  expectEvidence(await overloadCrash.verifyReverted(undo, context), false);
  expectEvidence(await cpuSaturation.verifyReverted(load, context), false);
  expect(await leftOnHost()).not.toContain(undo.id);
});

const measured = async () => overloadCrash.verifyEffective(undo, context);

async function untilOneIsDown(): Promise<Evidence> {
  return await waitFor({
    what: "the overloaded node to go down",
    timeoutMs: 150_000,
    everyMs: 500,
    probe: async () => {
      const evidence = await measured();
      const isDown = evidence.values.down === 1 && evidence.effective;
      return isDown ? { done: true, value: evidence } : { done: false, saw: evidence.because };
    },
  });
}

test("not armed before, armed after inject, a node goes down under load, clean after revert", async () => {
  expectEvidence(await measured(), false);
  await overloadCrash.inject(undo, context, LEASE_MS);
  const armed = await measured();
  expectEvidence(armed, true);
  expect(armed.values).toMatchObject({ targets: 3, inEffect: 3, maxDown: 2, down: 0 });
  const second = overloadCrash.prepare(SPEC, faultContext(cluster, { faultId: "test/overload/1" }));
  await expect(second).rejects.toThrow(/is watched by faultline-overload-.* already/);

  await cpuSaturation.inject(load, context, LEASE_MS);
  const hit = await untilOneIsDown();
  expectEvidence(hit, true);
  const name = load.nodes[0]?.name;
  expect(hit.values).toMatchObject({ inEffect: 3, [`${name}.state`]: "down", [`${name}.kubelet`]: "tcp" });
  expect(hit.values[`${name}.downPercent`]).toBeGreaterThanOrEqual(50);
  await overloadCrash.inject(undo, context, LEASE_MS);
  await overloadCrash.renew?.(undo, context, LEASE_MS);
  expectEvidence(await measured(), true);

  await overloadCrash.revert(undo, context);
  expectEvidence(await overloadCrash.verifyReverted(undo, context), false);
  expectEvidence(await measured(), false);
  await overloadCrash.revert(undo, context);
});

test("a node that is down comes back when nobody renews the lease", async () => {
  await overloadCrash.inject(undo, context, LEASE_MS);
  await cpuSaturation.inject(load, context, LEASE_MS);
  await untilOneIsDown();
  await overloadCrash.renew?.(undo, context, 1_000);
  expectEvidence(await overloadCrash.verifyReverted(undo, context), false);
  await expect(overloadCrash.renew?.(undo, context, 1_000)).rejects.toThrow(/its lease had lapsed/);
});

test("reverting what was never injected is right, and so is a node that is gone", async () => {
  await overloadCrash.revert(undo, context);
  const gone = { ...undo, machines: undo.machines.map((machine) => ({ ...machine, container: "0".repeat(64) })) };
  await overloadCrash.revert(gone, context);
  expectEvidence(await overloadCrash.verifyReverted(gone, context), false);
});
