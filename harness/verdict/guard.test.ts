import { expect, test } from "vitest";
import { requestColumns } from "../testing/columns.ts";
import { guardResult } from "./guard.ts";

const RUN = { beginMs: 0, endMs: 10_000, complete: true };
const GUARD = { availabilityAtLeast: 0.5, windowMs: 1_000 };
/** A request each 100 ms that takes 5 ms; bad ones by index. */
const requests = (bad: (index: number) => boolean) =>
  requestColumns(Array.from({ length: 100 }, (_, i) => ({ intended: i * 100, status: bad(i) ? 502 : 200 })));

test("no guard, no check", () => {
  expect(
    guardResult(
      null,
      requests(() => false),
      RUN,
    ),
  ).toBeNull();
});

test.each([
  ["five of ten bad", (i: number) => i >= 50 && i < 55, "held", 0.5],
  ["six of ten bad", (i: number) => i >= 50 && i < 56, "violated", 0.4],
  ["six bad ones, spread wider than the window", (i: number) => i >= 40 && i < 52 && i % 2 === 0, "held", 0.5],
  ["bad before the first window is full, then good", (i: number) => i < 4, "held", 0.7],
] as const)("%s", (_, bad, verdict, value) => {
  expect(guardResult(GUARD, requests(bad), RUN)).toMatchObject({ verdict, value });
});

test("a load shorter than the window, or none, says nothing", () => {
  const short = requestColumns([{ intended: 0, status: 502 }]);
  expect(guardResult(GUARD, short, RUN)?.verdict).toBe("inconclusive");
  expect(guardResult(GUARD, null, RUN)?.verdict).toBe("inconclusive");
});
