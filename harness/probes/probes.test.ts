import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseAppLine } from "./app-log.ts";
import { addressChanges, addressesOf } from "./endpoints.ts";
import { createRows, parseAccessLine } from "./ingress-log.ts";
import { conditionChanges, conditionsOf } from "./nodes.ts";
import { podEvents, podState } from "./pods.ts";
import { createUpstream, readUpstream, type UpstreamRow } from "./upstream-file.ts";

describe("a line of the application", () => {
  const line = { event: "sigterm", pod: "a", monotonicNs: "123456789012345678", wallMs: 5, onSigterm: "close" };

  it("is an event with its exact monotonic time and the rest as detail", () => {
    expect(parseAppLine(JSON.stringify(line))).toEqual({
      event: "sigterm",
      monotonicNs: 123456789012345678n,
      detail: { wallMs: 5, onSigterm: "close" },
    });
  });

  it.each([
    "Server ready",
    "{torn",
    '{"event":"reload","monotonicNs":"1"}',
    '{"event":"exit"}',
    '{"event":"exit","monotonicNs":17}',
  ])("is ignored when it is something else: %s", (text) => expect(parseAppLine(text)).toBeNull());
});

describe("a line of the access log", () => {
  const line = {
    StartUTC: "2026-11-25T02:49:52.123456789Z",
    Duration: 2_500_000,
    DownstreamStatus: 502,
    OriginStatus: 0,
    ServiceAddr: "10.244.1.5:8080",
    RequestMethod: "GET",
  };

  it("is a request with its start to the microsecond", () => {
    const parsed = parseAccessLine(JSON.stringify(line));
    expect(parsed).toMatchObject({ durationMs: 2.5, status: 502, address: "10.244.1.5:8080" });
    expect(parsed?.startWallMs).toBeCloseTo(Date.parse("2026-11-25T02:49:52Z") + 123.456789, 2);
  });

  it("may have no fraction of a second", () => {
    const parsed = parseAccessLine(JSON.stringify({ ...line, StartUTC: "2026-11-25T02:49:52Z" }));
    expect(parsed?.startWallMs).toBe(Date.parse("2026-11-25T02:49:52Z"));
  });

  it.each([
    ["went to no pod", { ServiceAddr: undefined }],
    ["has no time", { StartUTC: "yesterday" }],
    ["has no status", { DownstreamStatus: "x" }],
  ])("is ignored when it %s", (_, change) =>
    expect(parseAccessLine(JSON.stringify({ ...line, ...change }))).toBeNull(),
  );

  it("counts when its pod belongs to the arm, known before or after", () => {
    const written: UpstreamRow[] = [];
    const clock = { now: () => 0, fromMonotonicNs: Number, fromWallMs: (ms: number) => ms - 1_000 };
    const rows = createRows({ clock }, { append: (row) => written.push(row) });
    const at = (address: string) => ({ startWallMs: 1_500, durationMs: 20, status: 200, address });
    rows.take(at("10.0.0.1:8080"));
    rows.take(at("10.0.0.9:8080"));
    rows.addAddress("10.0.0.1:8080");
    rows.take(at("10.0.0.1:8080"));
    rows.addAddress("10.0.0.1:8080");
    expect(written).toEqual(Array(2).fill({ startMs: 500, endMs: 520, status: 200, address: "10.0.0.1:8080" }));
  });

  it("is read back from disk", async () => {
    const path = join(await mkdtemp(join(tmpdir(), "faultline-")), "upstream");
    const sink = await createUpstream(path);
    sink.append({ startMs: 1.25, endMs: 2.5, status: 502, address: "10.0.0.1:8080" });
    sink.append({ startMs: 3, endMs: 4, status: 200, address: "10.0.0.2:8080" });
    await sink.close();
    const read = await readUpstream(`${path}.parquet`);
    expect([...read.startMs]).toEqual([1.25, 3]);
    expect([...read.endMs]).toEqual([2.5, 4]);
    expect(Array.from(read.status)).toEqual([502, 200]);
    expect(Array.from(read.address.codes, (code) => read.address.values[code])).toEqual([
      "10.0.0.1:8080",
      "10.0.0.2:8080",
    ]);
    await expect(readUpstream(`${path}.bin`)).rejects.toThrow(/ENOENT/);
  });
});

describe("pods", () => {
  const pod = (status: object, metadata: object = {}) => ({ metadata: { name: "a", ...metadata }, spec: {}, status });
  const ready = { podIP: "10.0.0.1", conditions: [{ type: "Ready", status: "True" }] };

  it("are seen, ready, deleted, not ready, gone: each once", () => {
    const states = [
      null,
      podState(pod({})),
      podState(pod(ready)),
      podState(pod(ready)),
      podState(pod(ready, { deletionTimestamp: "2026-11-25T02:49:52Z" })),
      podState(pod({}, { deletionTimestamp: "2026-11-25T02:49:52Z" })),
      null,
    ];
    const events = states.slice(1).map((state, i) => podEvents(states[i] ?? null, state));
    expect(events).toEqual([["seen"], ["address", "ready"], [], ["deleting"], ["not-ready"], ["gone"]]);
  });

  it("have a log once a container has begun", () => {
    expect(podState(pod({ containerStatuses: [{ state: { waiting: {} } }] })).started).toBe(false);
    expect(podState(pod({ containerStatuses: [{ state: { running: {} } }] })).started).toBe(true);
    expect(podState(pod({ containerStatuses: [{ state: { terminated: {} } }] })).started).toBe(true);
  });
});

describe("addresses of a slice", () => {
  const slice = (...endpoints: object[]) => addressesOf({ endpoints });
  const endpoint = (ip: string, conditions: object) => ({
    addresses: [ip],
    conditions,
    targetRef: { kind: "Pod", name: `pod-${ip}` },
  });

  it("read missing conditions as the API means them", () => {
    expect(slice({ addresses: ["10.0.0.1"] }).get("10.0.0.1")).toEqual({
      pod: null,
      ready: true,
      serving: true,
      terminating: false,
    });
    expect(slice(endpoint("10.0.0.1", { ready: false })).get("10.0.0.1")).toMatchObject({ serving: false });
  });

  it("change by condition, by coming and by leaving, and else not at all", () => {
    const before = slice(
      endpoint("1", { ready: true }),
      endpoint("2", { ready: true }),
      endpoint("3", { ready: true }),
    );
    const after = slice(
      endpoint("1", { ready: true }),
      endpoint("2", { ready: false, serving: true, terminating: true }),
      endpoint("4", { ready: true }),
    );
    expect(addressChanges(before, after)).toEqual([
      { ip: "2", pod: "pod-2", ready: false, serving: true, terminating: true, present: true },
      { ip: "4", pod: "pod-4", ready: true, serving: true, terminating: false, present: true },
      { ip: "3", pod: "pod-3", ready: false, serving: false, terminating: false, present: false },
    ]);
    expect(addressChanges(after, after)).toEqual([]);
  });
});

describe("node conditions", () => {
  const of = (ready: string, extra: object[] = []) =>
    conditionsOf({ status: { conditions: [{ type: "Ready", status: ready }, ...extra] } });

  it("that differ are changes; a condition that is new is none", () => {
    expect(conditionChanges(of("True"), of("Unknown"))).toEqual([{ condition: "Ready", from: "True", to: "Unknown" }]);
    expect(conditionChanges(of("True"), of("True", [{ type: "DiskPressure", status: "False" }]))).toEqual([]);
    expect(conditionChanges(new Map(), of("True"))).toEqual([]);
  });
});
