import { expect, test } from "vitest";
import { amountTicks, decades, linear, logarithmic, timeLabel, timeTicks } from "./scale.ts";

test("linear and logarithmic scales meet their ends", () => {
  const line = linear(10, 20, 100, 200);
  expect([line(10), line(15), line(20)]).toEqual([100, 150, 200]);
  const log = logarithmic(1, 100, 200, 0);
  expect([log(1), log(10), log(100), log(0)]).toEqual([200, 100, 0, 200]);
  expect(linear(5, 5, 0, 10)(5)).toBe(0);
});

test.each([
  [0, 60_000, 6, [0, 10_000, 20_000, 30_000, 40_000, 50_000, 60_000]],
  [0, 5_200, 6, [0, 1_000, 2_000, 3_000, 4_000, 5_000]],
  [0, 215_000, 5, [0, 60_000, 120_000, 180_000]],
])("time ticks from %i to %i, at most about %i", (from, to, most, expected) => {
  expect(timeTicks(from, to, most)).toEqual(expected);
});

test("time labels carry a unit", () => {
  expect([timeLabel(0, 1e6), timeLabel(2_500, 10_000), timeLabel(200_000, 215_000)]).toEqual(["0", "2.5 s", "3:20"]);
});

test("amount ticks are round, from zero, and few", () => {
  expect(amountTicks(100, 3)).toEqual([0, 50, 100]);
  expect(amountTicks(315, 3)).toEqual([0, 200]);
  expect(amountTicks(0, 3)).toEqual([0]);
  expect(decades(0.7, 7_000)).toEqual([1, 10, 100, 1_000]);
});
