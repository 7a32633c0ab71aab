/** The context of a fault that a test of the cluster tier drives by itself, and the walk that every fault must stand. */
import { expect } from "vitest";
import type { ClusterHandle } from "../cluster/provider.ts";
import { waitFor } from "../cluster/wait.ts";
import type { Fault, FaultContext } from "../faults/fault.ts";
import { seeded } from "../plan/random.ts";
import type { Evidence } from "../types.ts";

export function faultContext(cluster: ClusterHandle, change: Partial<FaultContext> = {}): FaultContext {
  return {
    cluster,
    namespace: "default",
    faultId: "test/fault/0",
    runId: "fault-test",
    images: {},
    random: seeded(1),
    signal: new AbortController().signal,
    budgetMs: 120_000,
    log: () => undefined,
    observe: () => undefined,
    ...change,
  };
}

/** The sentence of the evidence stands in the failure. */
export function expectEvidence(evidence: Evidence, effective: boolean): void {
  expect(evidence, evidence.because).toMatchObject({ effective });
}

/** Waits until `look` finds nothing left; what it found last stands in the failure. */
export async function untilNothingLeft(
  what: string,
  timeoutMs: number,
  look: () => Promise<readonly string[]>,
): Promise<void> {
  await waitFor({
    what,
    timeoutMs,
    everyMs: 200,
    probe: async () => {
      const left = (await look()).filter((one) => one !== "");
      return left.length === 0 ? { done: true, value: undefined } : { done: false, saw: left.join("; ") };
    },
  });
}

/** What nobody renews: waits until the fault is measured to be gone, by itself. */
export async function untilGoneByItself<Undo>(
  fault: Pick<Fault, "kind"> & { verifyEffective(undo: Undo, context: FaultContext): Promise<Evidence> },
  undo: Undo,
  context: FaultContext,
  withinMs = 20_000,
): Promise<void> {
  await waitFor({
    what: `${fault.kind} to have undone itself`,
    timeoutMs: withinMs,
    everyMs: 100,
    probe: async () => {
      const { effective, because } = await fault.verifyEffective(undo, context);
      return effective ? { done: false, saw: because } : { done: true, value: undefined };
    },
  });
}
