import { describe, expect, it } from "vitest";
import { apiServerLatency } from "../apiserver-latency.ts";
import { apiServerUnavailable } from "../apiserver-unavailable.ts";
import { watchStall } from "../watch-stall.ts";
import { endConnections } from "./intercept.ts";
import { type ApiEffect, type ApiReading, apiFindingOf, apiReadingOf } from "./reading.ts";

describe("what they say of their specs: all mistakes at once", () => {
  const clients = { selector: "app=operator" };
  const paths = (problems: readonly { readonly path: string }[]) => problems.map(({ path }) => path);
  it("apiserver.latency", () => {
    const kind = "apiserver.latency";
    expect(paths(apiServerLatency.validate({ kind, clients, latency: "30s" }))).toEqual([]);
    const wrong = { kind, clients: { selector: "", atMost: "101%" }, latency: "31s" } as const;
    expect(paths(apiServerLatency.validate(wrong))).toEqual(["clients.selector", "clients.atMost", "latency"]);
  });
  it("apiserver.unavailable", () => {
    const kind = "apiserver.unavailable";
    expect(paths(apiServerUnavailable.validate({ kind, clients }))).toEqual([]);
    const wrong = { kind, clients: undefined, answer: "toString" } as never;
    expect(paths(apiServerUnavailable.validate(wrong))).toEqual(["clients", "answer"]);
  });
  it("watch.stall", () => {
    expect(paths(watchStall.validate({ kind: "watch.stall", clients }))).toEqual([]);
    expect(paths(watchStall.validate({ kind: "watch.stall" } as never))).toEqual(["clients"]);
  });
});

describe("what a client sees, as evidence", () => {
  it("is the quickest answer of some, from the request to the first byte", () => {
    expect(apiReadingOf("a 0,200,0.020,1.030,1.031;0,200,0.010,1.012,1.013; 200,0")).toEqual({
      pod: "a",
      exit: 0,
      status: 200,
      ms: 1_002,
      watch: { status: 200, bytes: 0 },
    });
  });
  it("is curl's code and how long it took where there is no answer", () => {
    const { exit, status, ms, watch } = apiReadingOf("a 28,000,0.0,0.0,2.001;28,000,0.0,0.0,2.003; none");
    expect([exit, status, ms, watch]).toEqual([28, 0, 2_001, null]);
    expect(apiReadingOf("a  none")).toMatchObject({ exit: -1, status: 0 });
  });

  const inEffect = (effect: ApiEffect, change: Partial<ApiReading>) =>
    apiFindingOf({ pod: "a", exit: 0, status: 200, ms: 4, watch: null, ...change }, effect, 1_000, 2_000).inEffect;
  it.each<[ApiEffect, Partial<ApiReading>, boolean]>([
    ["late", {}, false],
    ["late", { ms: 1_002 }, true],
    ["late", { ms: 1_002, status: 503 }, false],
    ["late", { ms: 9_000 }, false],
    ["unavailable", {}, false],
    ["unavailable", { status: 503 }, true],
    ["refused", { status: 0, exit: 7 }, true],
    ["refused", { status: 0, exit: 28 }, false],
    ["silent", { status: 0, exit: 28, ms: 2_001 }, true],
    ["silent", { status: 0, exit: 7, ms: 1 }, false],
    ["watches-stalled", { watch: { status: 200, bytes: 0 } }, true],
    ["watches-stalled", { watch: { status: 200, bytes: 900 } }, false],
    ["watches-stalled", { watch: { status: 403, bytes: 0 } }, false],
    ["watches-stalled", { status: 503, watch: { status: 200, bytes: 0 } }, false],
  ])("%s with %j: %s", (effect, change, expected) => expect(inEffect(effect, change)).toBe(expected));
});

it("connections are ended by their other end", () => {
  expect(endConnections(["10.96.0.1:443", "172.18.0.6:6443"])).toBe(
    `nsenter --net="$1" ss --kill --tcp '(' dst 10.96.0.1 and dport = :443 ')' or '(' dst 172.18.0.6 and dport = :6443 ')'`,
  );
});
