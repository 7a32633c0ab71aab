import { expect, test } from "vitest";
import { syntheticPlan } from "../testing/synthetic-plan.ts";
import type { Evidence, FaultState, JournalEntry, PlannedArm } from "../types.ts";
import { faultDoubts, faultErrors, faultSummaries, unrevertedFaults } from "./faults.ts";

const [planned] = syntheticPlan({ arms: ["vulnerable"], terminations: 1, everyMs: 1, lagMs: 1 }).arms;
const ARM: PlannedArm = { ...(planned?.arm as PlannedArm), steps: planned?.arm.steps.slice(0, 1) ?? [] };
const ID = "vulnerable/lag/0";
const YES: Evidence = { effective: true, because: "5 s.", values: { ms: 5_000 } };
const NO: Evidence = { effective: false, because: "0 s.", values: { ms: 0 } };

const entry = (t: number, state: FaultState, evidence?: Evidence, error?: string): JournalEntry => ({
  t,
  type: "fault",
  arm: "vulnerable",
  id: ID,
  fault: "lag",
  kind: "ingress.endpoint-lag",
  state,
  ...(evidence === undefined ? {} : { evidence }),
  ...(error === undefined ? {} : { error }),
});
const WHOLE = [
  entry(1, "intent"),
  entry(2, "injected"),
  entry(3, "effective", YES),
  entry(8, "effective", YES),
  entry(9, "reverting"),
  entry(10, "reverted", NO),
];
const doubts = (journal: readonly JournalEntry[], cutShort = false) =>
  faultDoubts(ARM, faultSummaries(journal, "vulnerable"), faultErrors(journal), cutShort).join(" ");

test("a fault's life is told with the evidence of inject, revert and clean", () => {
  const [summary] = faultSummaries(WHOLE, "vulnerable");
  expect(summary).toMatchObject({ id: ID, injectedMs: 2, revertedMs: 10, state: "reverted" });
  expect(summary?.evidence.map((e) => [e.t, e.when, e.effective])).toEqual([
    [3, "inject", true],
    [8, "revert", true],
    [10, "clean", false],
  ]);
  expect(faultSummaries(WHOLE, "control")).toEqual([]);
});

test.each<[string, readonly JournalEntry[], RegExp]>([
  ["never injected", [], /planned and never injected/],
  [
    "ineffective after inject",
    [...WHOLE.slice(0, 2), entry(3, "ineffective", NO), ...WHOLE.slice(3)],
    /no effect after it was injected: 0 s/,
  ],
  [
    "ineffective before revert",
    [...WHOLE.slice(0, 3), entry(8, "ineffective", NO), ...WHOLE.slice(4)],
    /no effect before it was reverted/,
  ],
  ["no look before revert", WHOLE.filter((e) => e.t !== 8), /Nothing shows that fault lag was effective before/],
  ["no look at all", WHOLE.filter((e) => e.t !== 8 && e.t !== 3), /effective after it was injected/],
  [
    "failed",
    [
      entry(1, "intent"),
      entry(2, "failed", undefined, "the proxy did not start."),
      entry(3, "reverting"),
      entry(4, "reverted", NO),
    ],
    /lag failed: the proxy did not start\.$/,
  ],
])("a fault raises doubt when it was %s", (_, journal, expected) => {
  expect(doubts(journal)).toMatch(expected);
});

test("a fault that worked raises none", () => {
  expect(doubts(WHOLE)).toBe("");
});

test("in an arm that was cut short missing evidence is no doubt, and no effect still is", () => {
  expect(doubts([], true)).toBe("");
  expect(doubts([entry(1, "intent"), entry(2, "reverting"), entry(3, "reverted", NO)], true)).toBe("");
  expect(doubts([...WHOLE.slice(0, 2), entry(3, "ineffective", NO)], true)).toMatch(/no effect after it was injected/);
});

test("every prefix of a journal from the intent on is unreverted, until the revert was verified", () => {
  expect(unrevertedFaults([])).toEqual([]);
  for (let length = 1; length < WHOLE.length; length++) expect(unrevertedFaults(WHOLE.slice(0, length))).toEqual([ID]);
  expect(unrevertedFaults(WHOLE)).toEqual([]);
  expect(unrevertedFaults([...WHOLE, entry(11, "failed")])).toEqual([ID]);
});
