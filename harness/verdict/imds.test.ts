import { describe, expect, test } from "vitest";
import { requestColumns } from "../testing/columns.ts";
import type { ArmRecord, Mechanism, Observation } from "../types.ts";
import { callsIn, sweepCells, timeSpentIn } from "./imds.ts";
import { judgeMechanism } from "./mechanism.ts";

const FAULT = { beginMs: 10_000, endMs: 20_000, complete: true };
const WINDOWS = { baseline: null, fault: FAULT, recovery: null, run: { ...FAULT, beginMs: 0, endMs: 30_000 } };
/** Ten requests a second for 30 s. */
const REQUESTS = requestColumns(Array.from({ length: 300 }, (_, i) => ({ intended: i * 100 })));
type Calls = Readonly<Record<string, number>>;
const look = (t: number, calls: Readonly<Record<string, Calls>>, probe = "imds"): Observation => ({
  ...{ t, probe, type: "imds-calls", calls },
});
/** Each request asks for the role and for its credentials, as two pods that take turns. */
const storm = (perRequest = 1): Observation[] =>
  Array.from({ length: 30 }, (_, second) => {
    const each = 5 * second * perRequest;
    const calls = { role: 7 + each, credentials: 7 + each };
    return look(second * 1_000 + 400, { a: calls, b: calls });
  });
const record = (observations: readonly Observation[]): ArmRecord => ({
  requests: REQUESTS,
  upstream: null,
  observations,
});
const judged = (mechanism: Partial<Mechanism>, observations: readonly Observation[]) =>
  judgeMechanism(
    {
      ...{ name: "m", over: "imds", role: "defect", minSamples: 50, signal: "metadata-calls-per-request" },
      ...mechanism,
    },
    { record: record(observations), windows: WINDOWS, terminations: [], disturbed: true },
  );

describe("metadata calls per request", () => {
  test("are counted between the looks of the fault phase, split by path", () => {
    expect(judged({ atMost: 0.01 }, storm())).toMatchObject({
      verdict: "violated",
      value: 2,
      sampleCount: 90,
      unit: "calls per request",
      objective: "at most 0.01 calls per request",
      because:
        "2 metadata calls per request: 180 for 90 requests (90 for the role's name, 90 for its credentials), wanted at most 0.01 calls per request.",
    });
  });

  test("hold where credentials are kept, and a call before the phase does not count", () => {
    expect(judged({ atMost: 0.01 }, storm(0))).toMatchObject({
      verdict: "held",
      value: 0,
      because: "0 metadata calls per request: 0 for 90 requests, wanted at most 0.01 calls per request.",
    });
  });

  test("need looks and requests", () => {
    for (const few of [[], storm().slice(0, 3), storm().slice(12, 13)]) {
      expect(judged({ atMost: 0.01 }, few)).toMatchObject({ verdict: "inconclusive", value: null, sampleCount: 0 });
    }
    const other = storm().map((one) => ({ ...one, probe: "another" }));
    expect(judged({ atMost: 0.01 }, other)).toMatchObject({ verdict: "inconclusive" });
  });

  test("prove nothing where a mock began anew", () => {
    const anew = storm(0).map((one, i) => (i < 15 ? one : look(one.t, { a: { role: 0 }, b: { role: 0 } })));
    expect(judged({ atMost: 0.01 }, anew)).toMatchObject({ verdict: "inconclusive", because: /began to count anew/ });
    expect(callsIn(record(anew), "imds", FAULT)?.restarted).toBe(true);
  });

  test("of a pod that came later are all its own", () => {
    const looks = [look(11_000, { a: { role: 5 } }), look(19_000, { a: { role: 5 }, b: { role: 3, token: 1 } })];
    expect(callsIn(record(looks), "imds", FAULT)).toMatchObject({
      calls: 4,
      byCall: { role: 3, token: 1 },
      requests: 80,
    });
  });
});

test("the time of a metadata call is the median of what the canaries met", () => {
  const met = [
    [41, 42],
    [40, 500, 44],
  ].map(
    (callsMs, i): Observation => ({ t: i, probe: "imds", type: "imds-asked", node: `n${i}`, callsMs, leftMs: 899_000 }),
  );
  const signal = { signal: "metadata-call-time", role: "precondition", atLeast: 36, minSamples: 5 } as const;
  expect(judged(signal, met)).toMatchObject({ verdict: "held", value: 42, sampleCount: 5, unit: "ms" });
  expect(judged({ ...signal, atLeast: 100 }, met)).toMatchObject({ verdict: "inconclusive", value: 42 });
  expect(judged(signal, [])).toMatchObject({ verdict: "inconclusive", value: null });
});

test("time spent is averaged over the requests of the window", () => {
  const at = (t: number, requests: number, credentials: number): Observation => ({
    ...{ t, probe: "imds", type: "time-spent" },
    spent: { a: { requests, ms: { credentials, dns: requests } } },
  });
  const observations = [at(9_000, 1, 9_000), at(11_000, 10, 900), at(19_000, 20, 1_800)];
  expect(timeSpentIn(record(observations), "imds", FAULT)).toEqual({
    requests: 10,
    perRequest: { credentials: 90, dns: 1 },
  });
  expect(timeSpentIn(record([]), "imds", FAULT)).toBeNull();
});

test("clients that ask at each request are counted over the cells of a sweep", () => {
  const cell = (client: string, remainingMs: number, credentials: number): Observation => ({
    ...{ t: 1, probe: "imds", type: "swept", client, remainingMs, concurrency: 1, requests: 32, failed: 0, tookMs: 9 },
    calls: { credentials, role: credentials },
  });
  const observations = [cell("old", 899_000, 32), cell("old", 3_600_000, 0), cell("new", 899_000, 1)];
  expect(
    sweepCells(record(observations), "imds").map(({ client, ratio, storms }) => ({ client, ratio, storms })),
  ).toEqual([
    { client: "old", ratio: 2, storms: true },
    { client: "old", ratio: 0, storms: false },
    { client: "new", ratio: 0.0625, storms: false },
  ]);
  expect(judged({ signal: "storming-clients", atMost: 0, minSamples: 3 }, observations)).toMatchObject({
    verdict: "violated",
    value: 1,
    sampleCount: 3,
    because: "1 (old) of 2 clients asked the metadata service at each request in some cell of the sweep, wanted none.",
  });
});
