/** What a journal says is still to be undone. Pure, so that every prefix of a journal can be tried. */
import type { FaultKind, FaultState, JournalEntry, Json } from "../types.ts";

export interface OpenFault {
  readonly id: string;
  readonly arm: string;
  readonly fault: string;
  readonly kind: FaultKind;
  readonly undo: Json;
  readonly state: FaultState;
}

/** Faults with an intent and no `reverted`, newest first: the order in which they are undone. */
export function openFaults(journal: readonly JournalEntry[]): readonly OpenFault[] {
  const open = new Map<string, OpenFault>();
  for (const entry of journal) {
    if (entry.type !== "fault") continue;
    if (entry.state === "reverted") open.delete(entry.id);
    else if (entry.state === "intent") {
      open.delete(entry.id);
      open.set(entry.id, {
        id: entry.id,
        arm: entry.arm,
        fault: entry.fault,
        kind: entry.kind,
        undo: entry.undo ?? null,
        state: "intent",
      });
    } else {
      const known = open.get(entry.id);
      if (known !== undefined) open.set(entry.id, { ...known, state: entry.state });
    }
  }
  return [...open.values()].reverse();
}

/** Namespaces that the run created and has not seen gone. */
export function openNamespaces(
  journal: readonly JournalEntry[],
): readonly { readonly arm: string; readonly namespace: string }[] {
  const open = new Map<string, string>();
  for (const entry of journal) {
    if (entry.type === "created") open.set(entry.namespace, entry.arm);
    if (entry.type === "removed") open.delete(entry.namespace);
  }
  return [...open].map(([namespace, arm]) => ({ arm, namespace }));
}

/** The run wrote its last line, and it says that nothing was left. */
export function closedClean(journal: readonly JournalEntry[]): boolean {
  const end = journal.findLast((entry) => entry.type === "run-end");
  return end?.type === "run-end" && !end.dirty;
}
