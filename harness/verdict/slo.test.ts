import { expect, test } from "vitest";
import { type RequestRow, requestColumns } from "../testing/columns.ts";
import type { Slo } from "../types.ts";
import { judgeSlo } from "./slo.ts";
import type { PhaseWindows } from "./windows.ts";

const WINDOWS: PhaseWindows = {
  baseline: { beginMs: 0, endMs: 100, complete: true },
  fault: { beginMs: 100, endMs: 200, complete: true },
  recovery: { beginMs: 200, endMs: 300, complete: true },
  run: { beginMs: 0, endMs: 300, complete: true },
};
const AVAILABILITY: Slo = {
  kind: "availability",
  name: "up",
  over: "load",
  during: "fault",
  atLeast: 0.9,
  minSamples: 10,
};
const LATENCY: Slo = {
  kind: "latency",
  name: "fast",
  over: "load",
  during: "fault",
  percentile: 90,
  atMost: "50ms",
  minSamples: 10,
};

/** Requests of the fault phase, 1 ms apart. */
const rows = (count: number, change: (index: number) => Partial<RequestRow> = () => ({})): RequestRow[] =>
  Array.from({ length: count }, (_, index) => ({ intended: 100 + index, ...change(index) }));
const samples = (requests: readonly RequestRow[], one = "request") => ({ columns: requestColumns(requests), one });
const judged = (slo: Slo, requests: readonly RequestRow[]) => judgeSlo(slo, samples(requests), WINDOWS);

test("availability is held at exactly its objective and violated by one more", () => {
  const failing = (bad: number) =>
    judged(
      AVAILABILITY,
      rows(10, (i) => (i < bad ? { status: 502 } : {})),
    );
  expect(failing(0)).toMatchObject({ verdict: "held", value: 1, sampleCount: 10, unit: "ratio" });
  expect(failing(1)).toMatchObject({ verdict: "held", value: 0.9 });
  expect(failing(2)).toMatchObject({ verdict: "violated", value: 0.8 });
  expect(failing(2).because).toBe(
    "2 of 10 requests failed (2 × HTTP 502) in the fault phase: 80 % good, wanted at least 90 %.",
  );
});

test("a latency can be limited by what the control has", () => {
  const relative: Slo = { ...LATENCY, atMost: "3x control" };
  const arm = (ms: number) => samples(rows(20, (i) => ({ end: 100 + i + ms })));
  const against = (ms: number, control: number | null, count = 20) =>
    judgeSlo(
      relative,
      arm(ms),
      WINDOWS,
      control === null
        ? null
        : { samples: samples(rows(count, (i) => ({ end: 100 + i + control }))), windows: WINDOWS },
    );
  expect(against(30, 10)).toMatchObject({
    verdict: "held",
    value: 30,
    objective: "p90 at most 3 times the control's in the fault phase",
  });
  expect(against(31, 10)).toMatchObject({ verdict: "violated", value: 31 });
  expect(against(31, 10).because).toBe(
    "p90 of 20 requests in the fault phase was 31 ms, wanted at most 30 ms, 3 times the control's 10 ms.",
  );
  expect(against(31, null)).toMatchObject({ verdict: "inconclusive", value: null });
  expect(against(31, 10, 9)).toMatchObject({ verdict: "inconclusive" });
});

test("an SLO of one name judges the requests of that name alone", () => {
  const requests = rows(30, (i) => (i % 3 === 0 ? { name: "search", status: 502 } : {}));
  const named = (name: string) => judged({ ...AVAILABILITY, named: name }, requests);
  expect(named("checkout")).toMatchObject({ verdict: "held", value: 1, sampleCount: 20 });
  expect(named("search")).toMatchObject({ verdict: "violated", value: 0, sampleCount: 10 });
  expect(named("search").because).toMatch(/^10 of 10 requests of search failed/);
  expect(named("chekout")).toMatchObject({ verdict: "inconclusive", sampleCount: 0 });
  expect(named("chekout").because).toMatch(/^Only 0 samples of chekout in/);
});

test("what is judged goes by its own name", () => {
  const jobs = samples(
    rows(10, (i) => (i < 3 ? { status: 404 } : {})),
    "job",
  );
  expect(judgeSlo(AVAILABILITY, jobs, WINDOWS).because).toMatch(/^3 of 10 jobs failed \(3 × HTTP 404\)/);
});

test("a dropped start is bad; an interrupted request is no sample, and is named", () => {
  const dropped = judged(
    AVAILABILITY,
    rows(10, (i) => (i < 2 ? { status: 0, error: "dropped" } : {})),
  );
  expect(dropped).toMatchObject({ verdict: "violated", value: 0.8 });
  const interrupted = judged(
    AVAILABILITY,
    rows(12, (i) => (i < 2 ? { status: 0, error: "interrupted" } : {})),
  );
  expect(interrupted).toMatchObject({ verdict: "held", value: 1, sampleCount: 10 });
  expect(interrupted.because).toContain("2 more were cut off");
});

test("a request belongs to the phase of its intended start, however late it started or ended", () => {
  const before = rows(10).map((row) => ({ ...row, intended: 99, start: 150, status: 502 }));
  const inside = rows(10).map((row) => ({ ...row, end: 900 }));
  expect(judged(AVAILABILITY, [...before, ...inside])).toMatchObject({ verdict: "held", sampleCount: 10 });
});

test("latency is held at exactly its objective, counted from the intended start", () => {
  const late = (ms: number) =>
    judged(
      LATENCY,
      rows(10, (i) => (i < 2 ? { start: 100 + i + ms - 5, end: 100 + i + ms } : {})),
    );
  expect(late(50)).toMatchObject({ verdict: "held", value: 50, unit: "ms" });
  expect(late(51)).toMatchObject({ verdict: "violated", value: 51 });
});

test("time-outs count with their full duration", () => {
  const result = judged(
    LATENCY,
    rows(10, (i) => (i < 2 ? { end: 100 + i + 5_000, status: 0, error: "timeout" } : {})),
  );
  expect(result).toMatchObject({ verdict: "violated", value: 5_000 });
});

test("a percentile that falls on a dropped start is violated and has no value", () => {
  const result = judged(
    LATENCY,
    rows(10, (i) => (i < 2 ? { status: 0, error: "dropped" } : {})),
  );
  expect(result).toMatchObject({ verdict: "violated", value: null });
});

test.each([AVAILABILITY, LATENCY])("fewer samples than wanted are inconclusive, good or bad: $kind", (slo) => {
  const result = judged(
    slo,
    rows(9, () => ({ status: 502, end: 9_999 })),
  );
  expect(result).toMatchObject({ verdict: "inconclusive", value: null, sampleCount: 9 });
  expect(result.because).toBe("Only 9 samples in the fault phase, at least 10 are needed.");
});

test.each([
  ["no requests were recorded", AVAILABILITY, null, WINDOWS],
  ["the phase never began", AVAILABILITY, samples(rows(10)), { ...WINDOWS, fault: null }],
  ["a probe recorded nothing", { ...AVAILABILITY, over: "pods" }, null, WINDOWS],
] as const)("inconclusive when %s", (_, slo, given, windows) => {
  expect(judgeSlo(slo, given, windows)).toMatchObject({ verdict: "inconclusive", value: null });
});
