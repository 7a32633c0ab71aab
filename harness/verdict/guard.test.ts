import { expect, test } from "vitest";
import { requestColumns } from "../testing/columns.ts";
import { guardResult } from "./guard.ts";
import type { PhaseWindows } from "./windows.ts";

const phase = (beginMs: number, endMs: number) => ({ beginMs, endMs, complete: true });
const WINDOWS: PhaseWindows = {
  baseline: phase(0, 2_000),
  fault: phase(2_000, 8_000),
  recovery: phase(8_000, 10_000),
  run: phase(0, 10_000),
};
const GUARD = { availabilityAtLeast: 0.5, windowMs: 1_000 };
/** A request each 100 ms that takes 5 ms; bad ones by index. */
const requests = (bad: (index: number) => boolean) =>
  requestColumns(Array.from({ length: 100 }, (_, i) => ({ intended: i * 100, status: bad(i) ? 502 : 200 })));

test("no guard, no check", () => {
  expect(
    guardResult(
      null,
      requests(() => false),
      WINDOWS,
    ),
  ).toBeNull();
});

test.each([
  ["five of ten bad", (i: number) => i >= 50 && i < 55, "held", 0.5],
  ["six of ten bad", (i: number) => i >= 50 && i < 56, "violated", 0.4],
  ["six bad ones, spread wider than the window", (i: number) => i >= 40 && i < 52 && i % 2 === 0, "held", 0.5],
  ["bad in the baseline, which belongs to no fault", (i: number) => i < 20, "held", 1],
  ["bad in the recovery", (i: number) => i >= 90, "violated", 0],
  ["bad for the first tenth of a window, then good", (i: number) => i === 20, "held", 8 / 9],
] as const)("%s", (_, bad, verdict, value) => {
  expect(guardResult(GUARD, requests(bad), WINDOWS)).toMatchObject({ verdict, value });
});

test("a load shorter than the window, or none, says nothing", () => {
  const short = requestColumns([{ intended: 2_000, status: 502 }]);
  expect(guardResult(GUARD, short, WINDOWS)?.verdict).toBe("inconclusive");
  expect(guardResult(GUARD, null, WINDOWS)?.verdict).toBe("inconclusive");
});
