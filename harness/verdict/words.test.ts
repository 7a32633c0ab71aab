import { expect, test } from "vitest";
import { count, counted, durationMs, metricValue, milliseconds, oneSentence, percent } from "./words.ts";

test.each([
  [0, "0 %"],
  [1, "100 %"],
  [0.8158, "81.6 %"],
  [0.99896, "99.896 %"],
  [0.0001, "0.01 %"],
  [0.99999996, "99.999996 %"],
  [1e-12, "< 0.000001 %"],
])("%d as a percentage", (ratio, text) => {
  expect(percent(ratio)).toBe(text);
});

test.each([
  [0.42, "0.4 ms"],
  [24.61, "24.6 ms"],
  [245.4, "245 ms"],
  [999.7, "1 s"],
  [5_021, "5.02 s"],
  [59_999, "1 min"],
  [185_000, "3 min 5 s"],
  [-1_234, "−1.23 s"],
])("%d ms in words", (ms, text) => {
  expect(milliseconds(ms)).toBe(text);
});

test("counts carry separators and the right number", () => {
  expect(count(1_234_567)).toBe("1,234,567");
  expect(counted(1, "pod")).toBe("1 pod");
  expect(counted(31, "pod")).toBe("31 pods");
});

test("a metric keeps the digits that tell it from zero", () => {
  expect([0, 0.06591, 1, 12.345, 5_056.8].map(metricValue)).toEqual(["0", "0.0659", "1", "12.3", "5,057"]);
});

test("durations of the plan become ms", () => {
  expect(["500ms", "1.5s", "2m", "1h"].map((text) => durationMs(text as "500ms"))).toEqual([
    500, 1_500, 120_000, 3_600_000,
  ]);
});

test("sentences join into one", () => {
  expect(oneSentence(["It broke.", "It hurt"])).toBe("It broke; It hurt.");
});
