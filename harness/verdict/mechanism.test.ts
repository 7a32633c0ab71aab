import { expect, test } from "vitest";
import { requestColumns, upstreamColumns } from "../testing/columns.ts";
import type { ArmRecord, Mechanism, Termination } from "../types.ts";
import { judgeMechanism, mechanismObjective } from "./mechanism.ts";
import type { SignalInput } from "./signals/signal.ts";

const GOOD = Array.from({ length: 100 }, (_, i) => ({ intended: i * 10 }));
const RECORD: ArmRecord = {
  requests: requestColumns(GOOD),
  upstream: upstreamColumns(GOOD.map((row) => ({ start: row.intended, address: "10.0.0.9:8080" }))),
  observations: [],
};
const RUN = { beginMs: 0, endMs: 60_000, complete: true };
const WINDOWS = { baseline: null, fault: null, recovery: null, run: RUN };
const POD: Termination = {
  pod: "a",
  ip: "10.0.0.1",
  node: null,
  deletedMs: 100,
  sigtermMs: 110,
  listenerClosedMs: 120,
  notReadyMs: 130,
  lastRequestMs: 5_130,
  exitMs: 200,
  goneMs: 300,
  requestsAfterClose: 0,
  failedAfterClose: 0,
  preStopNeededMs: 5_030,
  expectedInWindow: 25,
};
const input = (terminations: readonly Termination[], change: Partial<SignalInput> = {}): SignalInput => ({
  record: RECORD,
  windows: WINDOWS,
  terminations,
  disturbed: true,
  ...change,
});
const DEFECT: Mechanism = {
  name: "defect",
  over: "pods",
  signal: "requests-after-listener-closed",
  role: "defect",
  atMost: 0,
  minSamples: 2,
};
const LAG: Mechanism = {
  name: "lag",
  over: "pods",
  signal: "endpoint-lag",
  role: "precondition",
  atLeast: 4_500,
  atMost: 7_000,
  minSamples: 2,
};
const SAMPLES: Mechanism = {
  name: "samples",
  over: "pods",
  signal: "expected-requests-per-window",
  role: "precondition",
  atLeast: 20,
  minSamples: 2,
};

test.each<[string, Mechanism, Partial<Termination>[], Partial<ReturnType<typeof judgeMechanism>>]>([
  ["no request after close", DEFECT, [{}, {}], { verdict: "held", value: 0, sampleCount: 2 }],
  [
    "requests after close, summed",
    DEFECT,
    [{ requestsAfterClose: 3 }, { requestsAfterClose: 4 }],
    { verdict: "violated", value: 7 },
  ],
  ["one termination is too few to hold", DEFECT, [{}], { verdict: "inconclusive", sampleCount: 1 }],
  [
    "one termination is enough to see the defect",
    DEFECT,
    [{ requestsAfterClose: 1 }],
    { verdict: "violated", sampleCount: 1 },
  ],
  [
    "a pod whose closing nobody saw is no sample",
    DEFECT,
    [{}, { listenerClosedMs: null, exitMs: null, goneMs: null }],
    { verdict: "inconclusive", sampleCount: 1 },
  ],
  ["a pod without an address is no sample", DEFECT, [{}, { ip: "" }], { verdict: "inconclusive", sampleCount: 1 }],
  [
    "median lag in the range",
    LAG,
    [{}, { lastRequestMs: 6_130 }, { lastRequestMs: 9_130 }],
    { verdict: "held", value: 6_000, sampleCount: 3 },
  ],
  ["lag too short", LAG, [{ lastRequestMs: 1_000 }, { lastRequestMs: 1_000 }], { verdict: "inconclusive", value: 870 }],
  [
    "lag too long",
    LAG,
    [{ lastRequestMs: 9_000 }, { lastRequestMs: 9_000 }],
    { verdict: "inconclusive", value: 8_870 },
  ],
  [
    "terminations without t2 or t3 are no lag samples",
    LAG,
    [{}, { notReadyMs: null }, { lastRequestMs: null }],
    { verdict: "inconclusive", sampleCount: 1 },
  ],
  ["smallest window is large enough", SAMPLES, [{ expectedInWindow: 20 }, {}], { verdict: "held", value: 20 }],
  ["smallest window is too small", SAMPLES, [{ expectedInWindow: 19.9 }, {}], { verdict: "inconclusive", value: 19.9 }],
  ["no termination at all", SAMPLES, [], { verdict: "inconclusive", value: null, sampleCount: 0 }],
])("%s", (_, mechanism, changes, expected) => {
  const terminations = changes.map((change) => ({ ...POD, ...change }));
  expect(judgeMechanism(mechanism, input(terminations))).toMatchObject(expected);
});

test("a precondition is never violated, a defect never a matter of the precondition", () => {
  const asDefect = judgeMechanism(
    { ...LAG, role: "defect" },
    input([POD, POD].map((p) => ({ ...p, lastRequestMs: 200 }))),
  );
  expect(asDefect.verdict).toBe("violated");
});

test("an arm that plans nothing holds all mechanisms and says so", () => {
  for (const mechanism of [DEFECT, LAG, SAMPLES]) {
    const result = judgeMechanism(mechanism, input([], { disturbed: false }));
    expect(result).toMatchObject({ verdict: "held", value: 0, sampleCount: 0 });
    expect(result.because).toContain("No terminations planned");
  }
});

test("a control in which a pod was terminated all the same is measured", () => {
  const result = judgeMechanism(DEFECT, input([{ ...POD, requestsAfterClose: 2 }], { disturbed: false }));
  expect(result.verdict).toBe("violated");
});

test("terminations in a gap of the watch are left out, and a defect outside of the gap stays one", () => {
  const gap = { t: 260, fromT: 250, probe: "pods", type: "gap", why: "cut" } as const;
  const record = { ...RECORD, observations: [gap] };
  const later = { ...POD, deletedMs: 20_000, goneMs: 21_000, exitMs: 20_500, lastRequestMs: 25_000 };
  const held = judgeMechanism(DEFECT, input([POD, later, later], { record }));
  expect(held).toMatchObject({ verdict: "held", sampleCount: 2 });
  expect(held.because).toContain("1 termination left out");
  expect(judgeMechanism(DEFECT, input([POD, later], { record }))).toMatchObject({
    verdict: "inconclusive",
    sampleCount: 1,
  });
  const broken = { ...later, requestsAfterClose: 5 };
  expect(judgeMechanism(DEFECT, input([POD, broken], { record }))).toMatchObject({ verdict: "violated", value: 5 });
});

test("a controller's log that is missing or has holes proves no absence", () => {
  const rows = (n: number) => GOOD.slice(0, n).map((row) => ({ start: row.intended, address: "10.0.0.9:8080" }));
  const judged = (upstream: ArmRecord["upstream"]) =>
    judgeMechanism(DEFECT, input([POD, POD], { record: { ...RECORD, upstream } }));
  expect(judged(null)).toMatchObject({ verdict: "inconclusive", because: expect.stringContaining("missing") });
  expect(judged(upstreamColumns(rows(94)))).toMatchObject({
    verdict: "inconclusive",
    because: expect.stringContaining("94 of 100"),
  });
  expect(judged(upstreamColumns(rows(95)))).toMatchObject({ verdict: "held" });
  const warmUp = Array.from({ length: 50 }, () => ({ start: -1, address: "10.0.0.9:8080" }));
  expect(judged(upstreamColumns([...rows(60), ...warmUp]))).toMatchObject({ verdict: "inconclusive" });
});

test("objectives in words", () => {
  expect([DEFECT, LAG, SAMPLES].map(mechanismObjective)).toEqual(["none", "4.5 s to 7 s", "at least 20 requests"]);
});
