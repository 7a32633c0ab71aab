import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { IMDS } from "../cluster/imds/address.ts";
import { installImds } from "../cluster/imds/install.ts";
import type { ClusterHandle } from "../cluster/provider.ts";
import { expectEvidence, faultContext, untilGoneByItself } from "../testing/fault-context.ts";
import { sharedCluster } from "../testing/shared-cluster.ts";
import type { FaultSpec } from "../types.ts";
import type { FaultContext } from "./fault.ts";
import type { ImdsUndo } from "./imds/imds-fault.ts";
import { faultOf } from "./index.ts";

const LEASE_MS = 60_000;
let cluster: ClusterHandle;
let context: FaultContext;
const open: { kind: FaultSpec["kind"]; undo: ImdsUndo }[] = [];

beforeAll(async () => {
  cluster = await sharedCluster();
  context = faultContext(cluster, { faultId: "test/imds/0", runId: "imds-test" });
  await installImds(cluster);
});
afterEach(async () => {
  for (const { kind, undo } of open.splice(0)) await faultOf(kind).revert(undo, context);
});

async function prepare(spec: FaultSpec, as = context): Promise<ImdsUndo> {
  const undo = (await faultOf(spec.kind).prepare(spec, as)) as ImdsUndo;
  open.push({ kind: spec.kind, undo });
  return undo;
}

const SPECS: readonly FaultSpec[] = [
  { kind: "imds.latency", latency: "40ms" },
  { kind: "imds.latency", latency: "2s", calls: "token" },
  { kind: "imds.errors", share: "25%", status: 503 },
  { kind: "imds.errors", share: "50%", status: "timeout", calls: "credentials" },
  { kind: "imds.credentials", remaining: "899s" },
  { kind: "imds.credentials", lifetime: "15m", refreshBefore: "5m" },
  { kind: "imds.credentials", expired: "1m" },
  { kind: "imds.unavailable", how: "refuse" },
  { kind: "imds.unavailable", how: "no-answer", calls: "token" },
  { kind: "imds.unavailable", how: "not-found", calls: "credentials" },
];

describe("faults of the metadata service on a real cluster", () => {
  it.each(SPECS)("$kind: no effect before, in effect after inject, clean after revert %j", async (spec) => {
    const fault = faultOf(spec.kind);
    const undo = await prepare(spec);
    expectEvidence(await fault.verifyEffective(undo, context), false);
    await fault.inject(undo, context, LEASE_MS);
    await fault.inject(undo, context, LEASE_MS);
    expectEvidence(await fault.verifyEffective(undo, context), true);
    await fault.revert(undo, context);
    expectEvidence(await fault.verifyReverted(undo, context), false);
    await fault.revert(undo, context);
    expectEvidence(await fault.verifyEffective(undo, context), false);
  });

  it.each(SPECS.filter((_, i) => i % 2 === 0))("$kind: undoes itself when nobody renews the lease", async (spec) => {
    const fault = faultOf(spec.kind);
    const undo = await prepare(spec);
    await fault.inject(undo, context, LEASE_MS);
    expectEvidence(await fault.verifyEffective(undo, context), true);
    await fault.renew?.(undo, context, 1_000);
    await untilGoneByItself(fault as typeof fault & { verifyEffective: never }, undo, context);
    expectEvidence(await fault.verifyReverted(undo, context), false);
  });

  it("refuses a second one of the same kind, and takes one of another", async () => {
    const first = await prepare({ kind: "imds.latency", latency: "50ms" });
    await faultOf("imds.latency").inject(first, context, LEASE_MS);
    const other = faultContext(cluster, { faultId: "test/imds/1", runId: "imds-test" });
    await expect(faultOf("imds.latency").prepare({ kind: "imds.latency", latency: "1s" }, other)).rejects.toThrow(
      /has imds.latency already, by faultline-imds-/,
    );
    const fault = faultOf("imds.unavailable");
    const second = (await fault.prepare({ kind: "imds.unavailable", how: "not-found" }, other)) as ImdsUndo;
    await fault.inject(second, other, LEASE_MS);
    expectEvidence(await fault.verifyEffective(second, other), true);
    expectEvidence(await faultOf("imds.latency").verifyEffective(first, context), true);
    await fault.revert(second, other);
    expectEvidence(await fault.verifyReverted(second, other), false);
  });

  it("reverting what was never injected is right, and so is reverting when a mock was replaced meanwhile", async () => {
    const fault = faultOf("imds.unavailable");
    const never = await prepare({ kind: "imds.unavailable", how: "not-found" });
    await fault.revert(never, context);
    expectEvidence(await fault.verifyReverted(never, context), false);

    await fault.inject(never, context, LEASE_MS);
    const [pod] = await cluster.kube.list(
      { apiVersion: "v1", kind: "Pod", namespace: IMDS.namespace },
      { labelSelector: `app.kubernetes.io/name=${IMDS.name}` },
    );
    await cluster.kube.delete({ apiVersion: "v1", kind: "Pod", namespace: IMDS.namespace, name: pod.metadata.name });
    await fault.revert(never, context);
    await installImds(cluster);
    expectEvidence(await fault.verifyReverted(never, context), false);
  });
});
