import { expect, test } from "vitest";
import { type RequestRow, requestColumns } from "../testing/columns.ts";
import type { LoadSummary, RequestColumns } from "../types.ts";
import { loadDoubts, thresholdResults } from "./load.ts";

const LOAD: LoadSummary = { offered: 10_000, started: 10_000, completed: 10_000, dropped: 0, late: 0, thresholds: [] };

const RUN = { beginMs: 1_000, endMs: 2_000, complete: true };
/** A thousand starts in the run's window, and ten before it in which all goes wrong. */
const starts = (change: (index: number) => Partial<RequestRow> = () => ({})) =>
  requestColumns([
    ...Array.from({ length: 10 }, () => ({ intended: 999, status: 0, error: "dropped" })),
    ...Array.from({ length: 1_000 }, (_, i) => ({ intended: 1_000 + i, ...change(i) })),
  ]);
const dropped = (n: number) => starts((i) => (i < n ? { status: 0, error: "dropped" } : {}));
const late = (n: number, byMs: number) => starts((i) => (i < n ? { start: 1_000 + i + byMs } : {}));

test.each<[string, LoadSummary | null, RequestColumns | null, RegExp | null]>([
  ["as asked", LOAD, starts(), null],
  ["1 % dropped", LOAD, dropped(10), null],
  ["more than 1 % dropped", LOAD, dropped(11), /11 of 1,000 offered starts \(1\.1 %\)/],
  ["10 % late", LOAD, late(100, 101), null],
  ["more than 10 % late", LOAD, late(101, 101), /101 of 1,000 starts/],
  ["all 100 ms behind", LOAD, late(1_000, 100), null],
  ["starts that nobody accounts for", { ...LOAD, started: 9_899 }, starts(), /lost track of 101 of 10,000/],
  ["nothing offered", { ...LOAD, offered: 0, started: 0 }, starts(), /offered no request/],
  ["no summary", null, starts(), /no summary/],
  ["no requests", LOAD, null, /No request was recorded/],
])("load: %s", (_, load, requests, doubt) => {
  const doubts = loadDoubts(load, requests, RUN);
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
