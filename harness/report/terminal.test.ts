import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import { syntheticRun } from "../testing/synthetic-run.ts";
import { judge } from "../verdict/judge.ts";
import { terminalSummary } from "./terminal.ts";

const RUN = syntheticRun({ arms: ["control", "vulnerable", "fixed-prestop"], terminations: 3, ratePerSecond: 40 });
const VERDICT = judge(RUN);
const BROKEN = { ...RUN, journal: RUN.journal.filter((e) => !(e.type === "fault" && e.id === "fixed-prestop/lag/0")) };

test("the verdict of the run and of each arm, with its numbers", () => {
  const text = terminalSummary(RUN, VERDICT, { colour: false, width: 140 });
  expect(text).toContain("HELD: All 3 arms came out as expected.");
  expect(text).toMatch(/✓ control +held +held +0 of 1,200/);
  expect(text).toMatch(/✓ vulnerable +violated +violated +\d+ of [\d,]+ \([\d.]+ %\) +5 s/);
  expect(text).toMatch(/vulnerable: [\d,]+ of [\d,]+ requests failed/);
  expect(text).toContain("Again: faultline run");
});

test("an arm that did not come out as expected is marked, with the reason", () => {
  const text = terminalSummary(BROKEN, judge(BROKEN), { colour: false, width: 140 });
  expect(text).toContain("INCONCLUSIVE: 1 of 3 arms did not come out as expected");
  expect(text).toMatch(/✗ fixed-prestop +inconclusive +held/);
  expect(text).toContain("fixed-prestop: Fault lag was planned and never injected");
});

test("a dirty cluster comes first", () => {
  const journal = RUN.journal.filter((e) => !(e.type === "fault" && e.state === "reverted"));
  const text = terminalSummary({ ...RUN, journal }, judge({ ...RUN, journal }), { colour: false, width: 100 });
  expect(text).toContain("DIRTY: The cluster was left dirty: vulnerable/");
});

test.each([60, 80, 100, 120])("no line is wider than %i columns", (width) => {
  const lines = terminalSummary(RUN, VERDICT, { colour: false, width }).split("\n");
  const told = lines.filter((line) => !line.startsWith("Again: ") && !line.startsWith("Failed, p50 and p99"));
  expect(Math.max(...told.map((line) => line.length))).toBeLessThanOrEqual(width);
  expect(lines.join("\n")).toMatch(/✓ control +held/);
  expect(lines.some((line) => /^\s*(%|ms|s)\b/.test(line))).toBe(false);
});

test("colours are control codes around the same text", () => {
  const plain = terminalSummary(RUN, VERDICT, { colour: false, width: 120 });
  const coloured = terminalSummary(RUN, VERDICT, { colour: true, width: 120 });
  expect(coloured).toContain("\u001b[31mviolated");
  expect(stripVTControlCharacters(coloured)).toBe(plain);
});
