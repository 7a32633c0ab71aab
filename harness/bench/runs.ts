/** What the runs that lie in a reports folder say of the tool itself: how fast faults came and went, and which verdicts differed. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { faultOf } from "../faults/index.ts";
import { readJournal } from "../journal/journal.ts";
import { readPlan } from "../run/read-run.ts";
import { listRuns, type RunFolder } from "../run/run-folder.ts";
import type { FaultKind, FaultState, JournalEntry, RunVerdict } from "../types.ts";
import { percentile } from "../verdict/statistics.ts";

/** Of all injections of a kind that is held, in milliseconds, ascending. */
export interface FaultTimes {
  readonly kind: FaultKind;
  /** From the intent in the journal to the first evidence. */
  readonly toEffectMs: readonly number[];
  /** From the begin of the revert to the evidence that nothing is left. */
  readonly toCleanMs: readonly number[];
}

/** Runs of one arm in one size: the system under test did not change between them. */
export interface Repeated {
  readonly experiment: string;
  readonly size: string;
  readonly arm: string;
  readonly expected: string;
  readonly verdicts: readonly string[];
}

export function timesOf(journals: readonly (readonly JournalEntry[])[]): readonly FaultTimes[] {
  const times = new Map<FaultKind, { toEffectMs: number[]; toCleanMs: number[] }>();
  for (const journal of journals) {
    for (const [kind, states] of injections(journal)) {
      if (faultOf(kind).oneShot) continue;
      const row = times.get(kind) ?? { toEffectMs: [], toCleanMs: [] };
      times.set(kind, row);
      add(row.toEffectMs, states.get("intent"), states.get("effective"));
      add(row.toCleanMs, states.get("reverting"), states.get("reverted"));
    }
  }
  return [...times]
    .map(([kind, { toEffectMs, toCleanMs }]) => ({
      kind,
      toEffectMs: toEffectMs.sort((a, b) => a - b),
      toCleanMs: toCleanMs.sort((a, b) => a - b),
    }))
    .sort((a, b) => a.kind.localeCompare(b.kind));
}

/** When each injection first came to each of its states. */
function injections(journal: readonly JournalEntry[]): readonly (readonly [FaultKind, Map<FaultState, number>])[] {
  const byId = new Map<string, readonly [FaultKind, Map<FaultState, number>]>();
  for (const entry of journal) {
    if (entry.type !== "fault") continue;
    const [, states] = byId.get(entry.id) ?? [entry.kind, new Map<FaultState, number>()];
    byId.set(entry.id, [entry.kind, states]);
    if (!states.has(entry.state)) states.set(entry.state, entry.t);
  }
  return [...byId.values()];
}

function add(values: number[], from: number | undefined, to: number | undefined): void {
  if (from !== undefined && to !== undefined) values.push(to - from);
}

export function repeatedOf(
  runs: readonly { readonly size: string; readonly verdict: RunVerdict }[],
): readonly Repeated[] {
  const rows = new Map<string, Repeated & { verdicts: string[] }>();
  for (const { size, verdict } of runs) {
    for (const arm of verdict.arms) {
      const { experiment } = verdict;
      const key = JSON.stringify([experiment, size, arm.name]);
      const row = rows.get(key) ?? { experiment, size, arm: arm.name, expected: arm.expected, verdicts: [] };
      rows.set(key, row);
      row.verdicts.push(arm.verdict);
    }
  }
  return [...rows.values()];
}

/** @returns whether every verdict of every arm was the expected one; also when there are no runs. */
export function benchRuns(reports: string, print: (text: string) => void): boolean {
  const folders = listRuns(reports);
  const judged = folders.flatMap((folder) => verdictOf(folder));
  const rows = repeatedOf(judged);
  print(`\n${timesTable(timesOf(folders.map(({ journal }) => readJournal(journal))))}\n`);
  print(`\n${verdictsTable(rows)}\n`);
  return rows.every(({ verdicts, expected }) => verdicts.every((verdict) => verdict === expected));
}

/** A run that was killed has none. */
function verdictOf(folder: RunFolder): { readonly size: string; readonly verdict: RunVerdict }[] {
  const path = join(folder.path, "verdict.json");
  if (!existsSync(path)) return [];
  return [{ size: readPlan(folder).size, verdict: JSON.parse(readFileSync(path, "utf8")) as RunVerdict }];
}

function timesTable(times: readonly FaultTimes[]): string {
  const ms = (values: readonly number[], at: number) => (values.length === 0 ? "–" : percentile(values, at).toFixed(0));
  return [
    "| fault | times | to effect, p50 ms | p99 | abort to clean, p50 ms | p99 |",
    "| --- | ---: | ---: | ---: | ---: | ---: |",
    ...times.map(({ kind, toEffectMs, toCleanMs }) => {
      const cells = [toEffectMs, toCleanMs].flatMap((values) => [ms(values, 50), ms(values, 99)]);
      return `| ${kind} | ${toEffectMs.length} | ${cells.join(" | ")} |`;
    }),
  ].join("\n");
}

function verdictsTable(rows: readonly Repeated[]): string {
  const stories = Map.groupBy(rows, ({ experiment, size }) => `${experiment} | ${size}`);
  return [
    "| experiment | size | runs of an arm | verdicts | not as expected |",
    "| --- | --- | ---: | ---: | --- |",
    ...[...stories].map(([story, arms]) => {
      const counts = arms.map(({ verdicts }) => verdicts.length);
      const others = arms.flatMap(({ arm, expected, verdicts }) =>
        verdicts.filter((verdict) => verdict !== expected).map((verdict) => `${arm}: ${verdict}`),
      );
      const runs = [...new Set([Math.min(...counts), Math.max(...counts)])].join(" to ");
      const verdicts = counts.reduce((sum, count) => sum + count, 0);
      return `| ${story} | ${runs} | ${verdicts} | ${others.join(", ") || "none"} |`;
    }),
  ].join("\n");
}
