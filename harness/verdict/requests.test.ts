import { expect, test } from "vitest";
import { requestColumns } from "../testing/columns.ts";
import { failureKind, outcomeOf, summarise } from "./requests.ts";

const WINDOW = { beginMs: 0, endMs: 1_000, complete: true };

test.each([
  [200, "", "good"],
  [304, "", "good"],
  [404, "", "failed"],
  [500, "", "failed"],
  [502, "", "failed"],
  [0, "timeout", "failed"],
  [0, "refused", "failed"],
  [200, "reset", "failed"], // the answer began and was cut off
  [200, "timeout", "failed"],
  [0, "", "failed"],
  [0, "dropped", "dropped"],
  [0, "interrupted", "interrupted"],
])("status %i with error %j is %s", (status, error, outcome) => {
  expect(outcomeOf(requestColumns([{ intended: 0, status, error }]), 0)).toBe(outcome);
});

test("bad requests are counted by kind, interrupted ones apart", () => {
  const requests = requestColumns([
    { intended: 1 },
    { intended: 2, status: 502 },
    { intended: 3, status: 0, error: "timeout" },
    { intended: 4, status: 502 },
    { intended: 5, status: 0, error: "dropped" },
    { intended: 6, status: 0, error: "interrupted" },
    { intended: 1_000, status: 502 },
  ]);
  const summary = summarise(requests, WINDOW);
  expect(summary).toMatchObject({ samples: 5, good: 1, bad: 4, dropped: 1, interrupted: 1 });
  expect(summary.kinds).toEqual([
    { kind: "HTTP 502", count: 2 },
    { kind: "timeout", count: 1 },
    { kind: "dropped", count: 1 },
  ]);
  expect(failureKind(requests, 2)).toBe("timeout");
});

test("latency counts from the intended start, failures in full, dropped ones as endless", () => {
  const requests = requestColumns([
    { intended: 10, start: 110, end: 120 },
    { intended: 20, start: 20, end: 5_020, status: 0, error: "timeout" },
    { intended: 30, status: 0, error: "dropped" },
  ]);
  expect([...summarise(requests, WINDOW).latencies]).toEqual([110, 5_000, Number.POSITIVE_INFINITY]);
});

test("the longest bad run goes by intended start, not by the order of the answers", () => {
  const requests = requestColumns([
    { intended: 50 },
    { intended: 40, status: 502 },
    { intended: 10 },
    { intended: 30, status: 502 },
    { intended: 60, status: 502 },
    { intended: 20, status: 502 },
  ]);
  expect(summarise(requests, WINDOW).badRun).toEqual({ firstMs: 20, lastMs: 60, longestCount: 3, longestMs: 20 });
});
