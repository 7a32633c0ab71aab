/**
 * One fault, from intent to reverted. Each state is in the journal before the step that follows it, and the intent in
 * the cluster's ledger too:
 * intent → injected → effective | ineffective → (held) → effective | ineffective → reverting → reverted | failed.
 */
import { FaultlineError, messageOf } from "../errors.ts";
import type { Fault, FaultContext } from "../faults/fault.ts";
import type { NewEntry } from "../journal/journal.ts";
import type { Evidence, FaultKind, FaultState, Json } from "../types.ts";
import { enterIntoLedger, strikeFromLedger } from "./ledger.ts";

export interface FaultIdentity {
  readonly id: string;
  readonly arm: string;
  readonly fault: string;
  readonly kind: FaultKind;
}
export type Append = (entry: NewEntry) => void;

export interface ActiveFault {
  readonly identity: FaultIdentity;
  readonly fault: Fault;
  readonly undo: Json;
  readonly evidence: Evidence;
}

/** How long a fault outlives a harness that no longer renews it. */
export const LEASE_MS = 30_000;

/**
 * Chooses, writes the intent, injects and measures the effect.
 * @throws what the fault threw; the intent is in the journal by then, so whoever reverts finds it.
 */
export async function injectFault(
  identity: FaultIdentity,
  fault: Fault,
  spec: Parameters<Fault["prepare"]>[0],
  context: FaultContext,
  append: Append,
): Promise<ActiveFault> {
  const undo = await fault.prepare(spec, context);
  const note = stateWriter(identity, append);
  note("intent", { undo });
  await enterIntoLedger(context, { ...identity, undo });
  await fault.inject(undo, context, LEASE_MS);
  note("injected");
  const evidence = await renewing(fault, undo, context, async () => fault.verifyEffective(undo, context));
  note(evidence.effective ? "effective" : "ineffective", { evidence });
  return { identity, fault, undo, evidence };
}

/** Measures the effect once more, so that a fault which faded meanwhile is known. Never throws: not to know is ineffective. */
export async function measureAgain(active: ActiveFault, context: FaultContext, append: Append): Promise<Evidence> {
  const { fault, undo } = active;
  const evidence = await renewing(fault, undo, context, async () => fault.verifyEffective(undo, context)).catch(
    (error: unknown): Evidence => ({
      effective: false,
      because: `the effect could not be measured before the revert: ${messageOf(error)}`,
      values: {},
    }),
  );
  stateWriter(active.identity, append)(evidence.effective ? "effective" : "ineffective", { evidence });
  return evidence;
}

/** To measure an effect may take longer than the lease lasts. */
async function renewing<T>(fault: Fault, undo: Json, context: FaultContext, measure: () => Promise<T>): Promise<T> {
  const timer = setInterval(() => {
    fault
      .renew?.(undo, context, LEASE_MS)
      .catch((error: unknown) => context.log(`a lease could not be renewed: ${messageOf(error)}`));
  }, LEASE_MS / 3);
  try {
    return await measure();
  } finally {
    clearInterval(timer);
  }
}

/**
 * Reverts and proves it. Idempotent: also what a fresh process does with a dead one's journal.
 * @throws FaultlineError `fault` when the effect is still there; the journal says `failed`.
 */
export async function revertFault(
  identity: FaultIdentity,
  fault: Fault,
  undo: Json,
  context: FaultContext,
  append: Append,
): Promise<Evidence> {
  const note = stateWriter(identity, append);
  note("reverting");
  try {
    await fault.revert(undo, context);
    const evidence = await fault.verifyReverted(undo, context);
    if (evidence.effective) throw new FaultlineError("fault", `still in effect after revert: ${evidence.because}`);
    await strikeFromLedger(context, identity.id);
    note("reverted", { evidence });
    return evidence;
  } catch (cause) {
    note("failed", { error: messageOf(cause) });
    const byHand = fault.byHand?.(undo) ?? [];
    throw new FaultlineError("fault", `${identity.id} (${identity.kind}) could not be reverted: ${messageOf(cause)}`, {
      cause,
      fix: ["run `faultline revert` to try again", ...(byHand.length === 0 ? [] : ["by hand:", ...byHand])].join(
        "\n    ",
      ),
      context: { byHand },
    });
  }
}

function stateWriter(identity: FaultIdentity, append: Append) {
  return (state: FaultState, more: { undo?: Json; evidence?: Evidence; error?: string } = {}) =>
    append({ type: "fault", ...identity, state, ...more });
}
