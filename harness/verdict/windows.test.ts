import { expect, test } from "vitest";
import { requestColumns } from "../testing/columns.ts";
import type { ArmRecord, JournalEntry, Phase } from "../types.ts";
import { phaseWindows, within } from "./windows.ts";

const edge = (t: number, phase: Exclude<Phase, "run">, edge: "begin" | "end", arm = "a"): JournalEntry => ({
  t,
  type: "phase",
  arm,
  phase,
  edge,
});
const windowsOf = (journal: readonly JournalEntry[], arm = "a", arms: Record<string, ArmRecord> = {}) =>
  phaseWindows({ journal, arms }, arm);
const WHOLE = [
  edge(10, "baseline", "begin"),
  edge(20, "baseline", "end"),
  edge(20, "fault", "begin"),
  edge(50, "fault", "end"),
  edge(50, "recovery", "begin"),
  edge(60, "recovery", "end"),
];

test("phases and the run of one arm, whatever other arms did", () => {
  const windows = windowsOf([edge(1, "baseline", "begin", "other"), ...WHOLE]);
  expect(windows.fault).toEqual({ beginMs: 20, endMs: 50, complete: true });
  expect(windows.run).toEqual({ beginMs: 10, endMs: 60, complete: true });
});

test("a phase that never ended lasts until the arm's last line, and is not complete", () => {
  const windows = windowsOf([...WHOLE.slice(0, 3), { t: 44, type: "arm", arm: "a", edge: "end" }]);
  expect(windows.fault).toEqual({ beginMs: 20, endMs: 44, complete: false });
  expect(windows.recovery).toBeNull();
  expect(windows.run).toEqual({ beginMs: 10, endMs: 44, complete: false });
});

test("an arm that was killed lasts until its last answer, however late its recovery was", () => {
  const journal: JournalEntry[] = [...WHOLE.slice(0, 3), { t: 90_000, type: "note", message: "recovery" }];
  const requests = requestColumns([
    { intended: 30, end: 41 },
    { intended: 31, end: 37 },
  ]);
  const windows = windowsOf(journal, "a", { a: { requests, upstream: null, observations: [] } });
  expect(windows.fault).toEqual({ beginMs: 20, endMs: 41, complete: false });
});

test("an arm that never began has no windows", () => {
  expect(windowsOf(WHOLE, "b")).toEqual({ baseline: null, fault: null, recovery: null, run: null });
});

test("the begin belongs to a window, the end does not", () => {
  const window = { beginMs: 10, endMs: 20, complete: true };
  expect([9.9, 10, 19.9, 20].map((t) => within(window, t))).toEqual([false, true, true, false]);
});
