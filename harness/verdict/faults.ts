/** What the journal says about each fault: when it was in, whether it took effect, whether it is out again. */
import type { FaultSummary, JournalEntry, PlannedArm } from "../types.ts";

type FaultEntry = JournalEntry & { readonly type: "fault" };

/** One summary for each fault of the arm that the journal knows, in the order of their intents. */
export function faultSummaries(journal: readonly JournalEntry[], arm: string): readonly FaultSummary[] {
  const byId = new Map<string, FaultEntry[]>();
  for (const entry of journal) {
    if (entry.type !== "fault" || entry.arm !== arm) continue;
    byId.set(entry.id, [...(byId.get(entry.id) ?? []), entry]);
  }
  return [...byId].map(([id, entries]) => summary(id, entries));
}

/** Ids of faults that were begun and never verified as reverted. */
export function unrevertedFaults(journal: readonly JournalEntry[]): readonly string[] {
  const open = new Set<string>();
  for (const entry of journal) {
    if (entry.type !== "fault") continue;
    if (entry.state === "reverted") open.delete(entry.id);
    else open.add(entry.id);
  }
  return [...open];
}

/**
 * Reasons for which the faults of an arm prove nothing; empty when each one worked from its begin to its end.
 * In an arm that was cut short, what is missing is no news, so only what was seen to have no effect counts.
 */
export function faultDoubts(
  arm: PlannedArm,
  faults: readonly FaultSummary[],
  errors: FaultErrors,
  cutShort: boolean,
): readonly string[] {
  const doubts: string[] = [];
  for (const step of arm.steps) {
    const fault = faults.find((candidate) => candidate.id === step.id);
    if (fault === undefined) {
      if (!cutShort) doubts.push(`Fault ${step.fault} was planned and never injected.`);
      continue;
    }
    const error = errors.get(step.id);
    if (error !== undefined) doubts.push(`Fault ${step.fault} failed: ${error}.`);
    for (const [when, words] of [
      ["inject", "after it was injected"],
      ["revert", "before it was reverted"],
    ] as const) {
      const evidence = fault.evidence.filter((candidate) => candidate.when === when);
      const bad = evidence.find((candidate) => !candidate.effective);
      if (bad !== undefined) doubts.push(`Fault ${step.fault} had no effect ${words}: ${bad.because}`);
      else if (evidence.length === 0 && error === undefined && !cutShort) {
        doubts.push(`Nothing shows that fault ${step.fault} was effective ${words}.`);
      }
    }
  }
  return doubts;
}

/** What made a fault fail, by its id. */
export type FaultErrors = ReadonlyMap<string, string>;

export function faultErrors(journal: readonly JournalEntry[]): FaultErrors {
  const errors = new Map<string, string>();
  for (const entry of journal) {
    if (entry.type !== "fault" || entry.state !== "failed" || errors.has(entry.id)) continue;
    errors.set(entry.id, (entry.error ?? "no reason was given").replace(/\.$/, ""));
  }
  return errors;
}

function summary(id: string, entries: readonly FaultEntry[]): FaultSummary {
  const first = entries[0] as FaultEntry;
  const revertingAt = entries.findIndex((entry) => entry.state === "reverting");
  let verified = 0;
  return {
    id,
    fault: first.fault,
    kind: first.kind,
    injectedMs: entries.find((entry) => entry.state === "injected")?.t ?? null,
    revertedMs: entries.findLast((entry) => entry.state === "reverted")?.t ?? null,
    state: entries.at(-1)?.state ?? first.state,
    evidence: entries.flatMap((entry, index) => {
      if (entry.evidence === undefined) return [];
      const clean = entry.state === "reverted" || (revertingAt !== -1 && index > revertingAt);
      // The first look is the one after inject; every later one shows that the fault stayed.
      const when = clean ? "clean" : verified++ === 0 ? "inject" : "revert";
      return [{ ...entry.evidence, t: entry.t, when } as const];
    }),
  };
}
