/** What an arm's journal says of its nodes, and what is said there of its load. */
import type { Journal } from "../journal/journal.ts";
import type { JournalEntry } from "../types.ts";
import type { LoadOutcome, RunPorts } from "./ports.ts";

/** Nodes that a fault of this arm was meant to unsettle, from its intent to the arm's end: they may come back late. */
export function unsettled(entries: readonly JournalEntry[], ports: RunPorts): ReadonlySet<string> {
  return new Set(
    entries.flatMap((entry) =>
      entry.type === "fault" && entry.state === "intent"
        ? (ports.faultOf(entry.kind).unsettles?.(entry.undo ?? null) ?? [])
        : [],
    ),
  );
}

export function recordLoad(arm: string, outcome: LoadOutcome, append: Journal["append"]): void {
  const { offered, started, completed, dropped, late, thresholds } = outcome;
  append({ type: "load", arm, summary: { offered, started, completed, dropped, late, thresholds } });
  if (outcome.endedEarly !== null)
    append({ type: "invalid", arm, because: `The load ended early: ${outcome.endedEarly}` });
  for (const { message, count } of outcome.scriptErrors) {
    append({ type: "invalid", arm, because: `The load script threw ${count} times: ${message}` });
  }
}
