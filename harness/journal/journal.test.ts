import { appendFileSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { JournalEntry } from "../types.ts";
import { type NewEntry, openJournal, readJournal } from "./journal.ts";
import { closedClean, openFaults, openNamespaces } from "./open-faults.ts";

const START: NewEntry = {
  type: "run-start",
  schemaVersion: 1,
  runId: "r",
  wallMs: 0,
  monotonicNs: "0",
  pid: 1,
  pidStart: "",
  host: "h",
  keep: false,
  versions: {},
};
const fault = (id: string, state: string): NewEntry =>
  ({
    type: "fault",
    arm: "a",
    id,
    fault: id,
    kind: "noop",
    state,
    ...(state === "intent" ? { undo: { of: id } } : {}),
  }) as NewEntry;

function written(entries: readonly NewEntry[]): string {
  const path = join(mkdtempSync(join(tmpdir(), "faultline-journal-")), "journal.ndjson");
  const journal = openJournal(path, () => 1.5);
  for (const entry of entries) journal.append(entry);
  journal.close();
  return path;
}

test("what was appended is read", () => {
  const path = written([START, fault("x", "intent")]);
  expect(readJournal(path).map((entry) => entry.type)).toEqual(["run-start", "fault"]);
});

test("every torn last line is left out, and nothing else", () => {
  const whole = readFileSync(written([START, fault("x", "intent"), fault("x", "injected")]), "utf8");
  const lines = whole.split("\n").filter((line) => line !== "");
  for (let length = (lines[0]?.length ?? 0) + 1; length <= whole.length; length++) {
    const path = join(mkdtempSync(join(tmpdir(), "faultline-torn-")), "journal.ndjson");
    writeFileSync(path, whole.slice(0, length));
    const complete = whole
      .slice(0, length)
      .split("\n")
      .filter((line) => lines.includes(line)).length;
    expect(readJournal(path)).toHaveLength(complete);
  }
});

test("a recovery goes on after a torn line", () => {
  const path = written([START, fault("x", "intent")]);
  appendFileSync(path, '{"t":3,"type":"fau');
  const journal = openJournal(path, () => 9);
  journal.append({ type: "note", message: "recovery by process 7" });
  journal.append(fault("x", "reverted"));
  journal.close();
  expect(openFaults(readJournal(path))).toEqual([]);
});

test.each([
  ["no journal at all", "hello\n", /no run-start|no journal entry/],
  ["damaged in the middle", null, /no journal entry/],
  ["a newer schema", JSON.stringify({ t: 0, ...START, schemaVersion: 2 }), /schema version 2/],
  ["another tool's JSON", '{"t":0,"type":"begin"}\n', /not a journal of this tool/],
])("%s is refused", (_, text, message) => {
  const path = written([START, fault("x", "intent"), fault("x", "reverted")]);
  if (text !== null) writeFileSync(path, text);
  else writeFileSync(path, readFileSync(path, "utf8").replace('"intent"', '"inte'));
  expect(() => readJournal(path)).toThrow(message);
});

test("open faults come newest first with their undo, until they are reverted", () => {
  const stamp = (entries: readonly NewEntry[]) => entries.map((entry) => ({ t: 0, ...entry }) as JournalEntry);
  const story = stamp([
    START,
    fault("x", "intent"),
    fault("x", "injected"),
    fault("y", "intent"),
    fault("y", "failed"),
  ]);
  expect(openFaults(story).map((open) => [open.id, open.state, open.undo])).toEqual([
    ["y", "failed", { of: "y" }],
    ["x", "injected", { of: "x" }],
  ]);
  expect(openFaults([...story, ...stamp([fault("y", "reverted")])]).map((open) => open.id)).toEqual(["x"]);
});

test("namespaces are open until seen gone; a dirty end is no clean one", () => {
  const created = { t: 0, type: "created", arm: "a", namespace: "n" } as const;
  expect(openNamespaces([created])).toEqual([{ arm: "a", namespace: "n" }]);
  expect(openNamespaces([created, { ...created, type: "removed" }])).toEqual([]);
  expect(closedClean([{ t: 0, type: "run-end", outcome: "complete", dirty: false }])).toBe(true);
  expect(closedClean([{ t: 0, type: "run-end", outcome: "failed", dirty: true }])).toBe(false);
  expect(closedClean([created])).toBe(false);
});
