import { expect, test } from "vitest";
import type { LoadSummary } from "../types.ts";
import { loadDoubts, thresholdResults } from "./load.ts";

const LOAD: LoadSummary = { offered: 10_000, started: 10_000, completed: 10_000, dropped: 0, late: 0, thresholds: [] };

test.each<[string, LoadSummary | null, RegExp | null]>([
  ["as asked", LOAD, null],
  ["1 % dropped", { ...LOAD, started: 9_900, dropped: 100 }, null],
  ["more than 1 % dropped", { ...LOAD, started: 9_899, dropped: 101 }, /101 of 10,000 offered starts/],
  ["starts that nobody accounts for", { ...LOAD, started: 9_000, dropped: 0 }, /fell short/],
  ["5 % late", { ...LOAD, late: 500 }, null],
  ["more than 5 % late", { ...LOAD, late: 501 }, /501 of 10,000 starts/],
  ["nothing offered", { ...LOAD, offered: 0, started: 0 }, /offered no request/],
  ["no summary", null, /no summary/],
])("load: %s", (_, load, doubt) => {
  const doubts = loadDoubts(load);
  if (doubt === null) expect(doubts).toEqual([]);
  else expect(doubts.join(" ")).toMatch(doubt);
});

test("a k6 threshold without samples is inconclusive, not passed", () => {
  const thresholds = [
    { metric: "http_req_failed", expression: "rate<0.01", ok: true, value: 0.001 },
    { metric: "http_req_duration", expression: "p(99)<500", ok: false, value: 5_000 },
    { metric: "orders", expression: "count>10", ok: null, value: null },
  ];
  const results = thresholdResults({ ...LOAD, thresholds });
  expect(results.map((r) => [r.name, r.verdict])).toEqual([
    ["k6 threshold: http_req_failed rate<0.01", "held"],
    ["k6 threshold: http_req_duration p(99)<500", "violated"],
    ["k6 threshold: orders count>10", "inconclusive"],
  ]);
});
