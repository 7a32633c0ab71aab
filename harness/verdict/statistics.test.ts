import { expect, test } from "vitest";
import { seeded } from "../plan/random.ts";
import { differenceInterval, fisherExact, median, percentile, ratioInterval } from "./statistics.ts";

test("percentile is the smallest sample that enough samples do not exceed, for any data", () => {
  const random = seeded(11);
  for (let round = 0; round < 300; round++) {
    const samples = Array.from({ length: 1 + random.below(400) }, () => random.below(50));
    const wanted = random.pick([0.1, 1, 25, 50, 90, 95, 99, 99.9, 100]);
    const found = percentile(Float64Array.from(samples).sort(), wanted);
    const shareUpTo = (limit: number) => samples.filter((sample) => sample <= limit).length / samples.length;
    expect(samples).toContain(found);
    expect(shareUpTo(found) * 100).toBeGreaterThanOrEqual(wanted - 1e-9);
    const smaller = samples.filter((sample) => sample < found);
    if (smaller.length > 0) expect(shareUpTo(Math.max(...smaller)) * 100).toBeLessThan(wanted);
  }
});

test.each([
  [99, 100, 99],
  [99, 101, 100],
  [50, 4, 2],
  [100, 7, 7],
  [0, 7, 1],
  [99.9, 1_000, 999],
  [99.9, 1_001, 1_000],
])("p%s of 1 to %i is %i", (p, n, expected) => {
  expect(
    percentile(
      Float64Array.from({ length: n }, (_, i) => i + 1),
      p,
    ),
  ).toBe(expected);
});

test("no samples have no percentile and no median", () => {
  expect(percentile([], 99)).toBeNaN();
  expect(median([])).toBeNaN();
});

test.each([
  [[3], 3],
  [[9, 1, 5], 5],
  [[10, 2, 4, 100], 7],
])("median of %j is %d", (values, expected) => {
  expect(median(values)).toBe(expected);
});

test.each([
  [10, 100, 0.0552, 0.1744], // Wilson's score interval, as published tables have it
  [0, 300, 0, 0.01], // the rule of three
  [300, 300, 0.99, 1],
  [0, 0, 0, 1],
])("ratio interval of %i of %i", (hits, samples, low, high) => {
  const interval = ratioInterval(hits, samples);
  expect(interval.low).toBeCloseTo(low, 4);
  expect(interval.high).toBeCloseTo(high, 4);
});

test("difference interval agrees with Newcombe's published example (56/70 against 48/80)", () => {
  const interval = differenceInterval(56, 70, 48, 80);
  expect(interval.low).toBeCloseTo(0.0524, 4);
  expect(interval.high).toBeCloseTo(0.3339, 4);
});

test.each([
  [3, 4, 1, 4, 0.4857],
  [1, 10, 11, 14, 0.00276],
  [0, 40, 0, 60, 1],
])("Fisher's exact test of %i/%i against %i/%i", (a, n, b, m, expected) => {
  expect(fisherExact(a, n, b, m)).toBeCloseTo(expected, 4);
});

test("Fisher's exact test holds for a run's worth of requests", () => {
  expect(fisherExact(820, 9_000, 1_658, 9_000)).toBeLessThan(1e-50);
  expect(fisherExact(500, 500_000, 510, 500_000)).toBeGreaterThan(0.5);
});
