import { describe, expect, test } from "vitest";
import { requestColumns, type UpstreamRow, upstreamColumns } from "../testing/columns.ts";
import type { ArmRecord, Observation, PodTerminationsProbe } from "../types.ts";
import { hitByGap, terminationsOf } from "./terminations.ts";

const PROBE: PodTerminationsProbe = {
  kind: "pod-terminations",
  service: "checkout",
  selector: "app=checkout",
  port: 8080,
};
const WINDOW = { beginMs: 0, endMs: 60_000, complete: true };

type PodEvent = "seen" | "ready" | "not-ready" | "deleting" | "gone";
const pod = (t: number, name: string, ip: string | null, event: PodEvent): Observation => ({
  t,
  probe: "pods",
  type: "pod",
  pod: name,
  ip,
  node: "worker",
  event,
});
const endpoint = (t: number, name: string, ip: string, ready: boolean, present = true): Observation => ({
  t,
  probe: "pods",
  type: "endpoint",
  ip,
  pod: name,
  ready,
  serving: ready,
  terminating: !ready,
  present,
});
const app = (t: number, name: string, event: "sigterm" | "listener-closed" | "exit"): Observation => ({
  t,
  probe: "pods",
  type: "app",
  pod: name,
  event,
});
const sent = (start: number, status = 200, address = "10.0.0.1:8080"): UpstreamRow => ({ start, status, address });

const LIFE: readonly Observation[] = [
  pod(100, "a", "10.0.0.1", "seen"),
  endpoint(120, "a", "10.0.0.1", true),
  endpoint(130, "b", "10.0.0.2", true),
  pod(10_000, "a", "10.0.0.1", "deleting"),
  endpoint(10_040, "a", "10.0.0.1", false),
  app(10_050, "a", "sigterm"),
  app(10_060, "a", "listener-closed"),
  app(10_400, "a", "exit"),
  pod(10_900, "a", "10.0.0.1", "gone"),
];
/** Ten requests a second for a minute. */
const REQUESTS = requestColumns(Array.from({ length: 600 }, (_, i) => ({ intended: i * 100 })));

const record = (observations: readonly Observation[], upstream: readonly UpstreamRow[] = []): ArmRecord => ({
  requests: REQUESTS,
  upstream: upstreamColumns(upstream),
  observations,
});
const only = (observations: readonly Observation[], upstream: readonly UpstreamRow[] = []) => {
  const found = terminationsOf("pods", PROBE, record(observations, upstream), WINDOW);
  const [first] = found;
  if (first === undefined || found.length > 1) throw new Error(`expected one termination, found ${found.length}`);
  return first;
};

describe("one terminated pod", () => {
  test("has its times from four witnesses", () => {
    const upstream = [
      sent(9_000),
      sent(10_055),
      sent(10_500, 502),
      sent(15_000, 499),
      sent(15_100, 0),
      sent(12_000, 200),
    ];
    expect(only(LIFE, upstream)).toEqual({
      pod: "a",
      ip: "10.0.0.1",
      node: "worker",
      deletedMs: 10_000,
      sigtermMs: 10_050,
      listenerClosedMs: 10_060,
      notReadyMs: 10_040,
      lastRequestMs: 15_100,
      exitMs: 10_400,
      goneMs: 10_900,
      requestsAfterClose: 4,
      failedAfterClose: 3,
      preStopNeededMs: 5_100,
      // 52 starts in [10 000, 15 100], two pods were ready
      expectedInWindow: 26,
    });
  });

  test("needs no preStop when the last request came before the delete", () => {
    expect(only(LIFE, [sent(9_000)])).toMatchObject({ lastRequestMs: 9_000, preStopNeededMs: 0, expectedInWindow: 0 });
  });

  test("that got no request has no t3", () => {
    const others = [sent(11_000, 200, "10.0.0.2:8080"), sent(11_000, 200, "10.0.0.1:9090")];
    expect(only(LIFE, others)).toMatchObject({ lastRequestMs: null, preStopNeededMs: null, requestsAfterClose: 0 });
  });

  test("takes the delete call where the watch missed the deletion", () => {
    const call: Observation = { t: 9_990, probe: "restarts", type: "delete-call", pod: "a" };
    const missed = LIFE.filter((o) => !(o.type === "pod" && o.event === "deleting"));
    expect(only([...missed, call]).deletedMs).toBe(9_990);
    expect(only([...LIFE, call]).deletedMs).toBe(10_000);
  });

  test("counts as closed from its exit, then from its end, where it logged no closed listener", () => {
    const unlogged = LIFE.filter((o) => !(o.type === "app" && o.event === "listener-closed"));
    const killed = unlogged.filter((o) => o.type !== "app");
    const upstream = [sent(10_200), sent(10_500), sent(11_000)];
    expect(only(LIFE, upstream).requestsAfterClose).toBe(3);
    expect(only(unlogged, upstream).requestsAfterClose).toBe(2);
    expect(only(killed, upstream).requestsAfterClose).toBe(1);
  });

  test("may be seen not ready a little before it is seen deleted, and not long before", () => {
    const withSlice = (t: number) => [...LIFE, endpoint(t, "a", "10.0.0.1", false)];
    expect(only(withSlice(9_960)).notReadyMs).toBe(9_960);
    expect(only(withSlice(9_900)).notReadyMs).toBe(10_040);
  });

  test("is not ready when its address leaves the slices", () => {
    const left = LIFE.map((o) => (o.t === 10_040 ? endpoint(10_040, "a", "10.0.0.1", true, false) : o));
    expect(only(left).notReadyMs).toBe(10_040);
  });

  test("expects no request where nobody saw ready endpoints", () => {
    expect(
      only(
        LIFE.filter((o) => o.type !== "endpoint"),
        [sent(15_000)],
      ).expectedInWindow,
    ).toBe(0);
  });
});

test("an address that is used again belongs to the next pod from when that was seen with it", () => {
  const next = [
    pod(12_000, "c", null, "seen"),
    pod(13_000, "c", "10.0.0.1", "ready"),
    endpoint(13_100, "c", "10.0.0.1", true),
    pod(30_000, "c", "10.0.0.1", "deleting"),
  ];
  const upstream = [sent(9_000), sent(12_500, 502), sent(14_000), sent(31_000, 502)];
  const found = terminationsOf("pods", PROBE, record([...LIFE, ...next], upstream), WINDOW);
  expect(found.map((t) => [t.pod, t.lastRequestMs, t.requestsAfterClose])).toEqual([
    ["a", 12_500, 1],
    ["c", 31_000, 0],
  ]);
  expect(found[1]?.notReadyMs).toBeNull();
});

test("a name that is used again is another pod", () => {
  const next = [
    pod(20_000, "a", "10.0.0.5", "seen"),
    pod(30_000, "a", "10.0.0.5", "deleting"),
    app(30_050, "a", "sigterm"),
  ];
  const found = terminationsOf("pods", PROBE, record([...LIFE, ...next]), WINDOW);
  expect(found.map((t) => [t.ip, t.deletedMs, t.sigtermMs, t.goneMs])).toEqual([
    ["10.0.0.1", 10_000, 10_050, 10_900],
    ["10.0.0.5", 30_000, 30_050, null],
  ]);
});

test("pods that end before or after the window, or never, are no terminations", () => {
  const window = { beginMs: 11_000, endMs: 20_000, complete: true };
  const others = [
    pod(100, "b", "10.0.0.2", "seen"),
    pod(100, "c", "10.0.0.3", "seen"),
    pod(20_000, "c", "10.0.0.3", "deleting"),
  ];
  expect(terminationsOf("pods", PROBE, record([...LIFE, ...others]), window)).toEqual([]);
});

test("what another probe saw is not this probe's", () => {
  const other = LIFE.map((o) => ({ ...o, probe: "other" }));
  expect(terminationsOf("pods", PROBE, record(other), WINDOW)).toEqual([]);
});

test.each([
  [9_000, 9_500, false],
  [9_000, 10_010, true],
  [10_800, 30_000, true],
  [10_950, 30_000, false],
])("a gap from %i to %i", (fromT, t, hit) => {
  const gap: Observation = { t, fromT, probe: "pods", type: "gap", why: "the watch was cut" };
  expect(hitByGap(only(LIFE), "pods", [gap])).toBe(hit);
  expect(hitByGap(only(LIFE), "pods", [{ ...gap, probe: "other" }])).toBe(false);
});
