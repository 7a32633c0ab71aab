import { expect, test } from "vitest";
import { requestColumns } from "../../testing/columns.ts";
import { binRequests, failuresOf } from "./bins.ts";

const window = (endMs: number) => ({ beginMs: 0, endMs, complete: true });

test("each request is in one bin, by intended start, good or of one family", () => {
  const requests = requestColumns([
    { intended: 0, end: 4 },
    { intended: 99, end: 109 },
    { intended: 100, status: 502 },
    { intended: 150, status: 0, error: "timeout" },
    { intended: 199, status: 0, error: "refused" },
    { intended: 199, status: 0, error: "dropped" },
    { intended: 199, status: 0 },
    { intended: 50, status: 0, error: "interrupted" },
    { intended: 300, status: 502 },
  ]);
  const bins = binRequests(requests, window(300));
  expect(bins).toMatchObject({ widthMs: 100, count: 3 });
  expect([...bins.good]).toEqual([2, 0, 0]);
  expect(Object.fromEntries(Object.entries(bins.failed).map(([family, counts]) => [family, [...counts]]))).toEqual({
    answered: [0, 1, 0],
    timeout: [0, 1, 0],
    connection: [0, 2, 0],
    dropped: [0, 1, 0],
  });
  expect([...bins.p50]).toEqual([4, Number.NaN, Number.NaN]);
  expect(bins.p99[0]).toBe(10);
  expect(failuresOf(requests, window(300)).map((failure) => failure.family)).toEqual([
    "answered",
    "timeout",
    "connection",
    "dropped",
    "connection",
  ]);
});

test.each([1_000, 60_000, 215_000, 3_600_000, 86_400_000])(
  "a window of %i ms has a bounded number of bins",
  (endMs) => {
    const bins = binRequests(requestColumns([{ intended: endMs - 1 }]), window(endMs));
    expect(bins.count).toBeLessThanOrEqual(360);
    expect(bins.count * bins.widthMs).toBeGreaterThanOrEqual(endMs);
    expect(bins.good[bins.count - 1]).toBe(1);
  },
);
