import { describe, expect, it } from "vitest";
import { restoreInput } from "../agent/rules.ts";
import { PASS } from "../agent-image/http-settings.ts";
import { httpError } from "../http-error.ts";
import { httpLatency } from "../http-latency.ts";
import { findingOf, pace } from "./effect.ts";
import { readingOf } from "./reading.ts";
import { nodeAddresses, redirectOf } from "./rules.ts";
import { canaryOf } from "./spec.ts";

const pods = { selector: "app=checkout" };

describe("what the HTTP faults say of their specs", () => {
  const error = (change: object) =>
    httpError.validate({ kind: "http.error", pods, port: 8080, ...change }).map(({ path }) => path);
  const latency = (change: object) =>
    httpLatency.validate({ kind: "http.latency", pods, port: 8080, latency: "1s", ...change }).map(({ path }) => path);

  it("what is right", () => {
    expect(error({})).toEqual([]);
    expect(error({ status: "reset", share: "5%", path: "/api", methods: ["POST", "GET"], probes: "hit" })).toEqual([]);
    expect(error({ path: "/api", canary: { path: "/api/health", method: "HEAD" } })).toEqual([]);
    expect(latency({ jitter: "1s" })).toEqual([]);
    expect(latency({ jitter: "500ms", share: "50%" })).toEqual([]);
  });
  it("all mistakes at once", () => {
    const wrong = { pods: {}, port: 0, path: "api", methods: ["FETCH"], share: "101%", probes: "never", status: 200 };
    expect(error({ ...wrong, canary: { path: "no" } })).toEqual([
      "port",
      "path",
      "methods[0]",
      "share",
      "canary.path",
      "probes",
      "status",
    ]);
    expect(latency({ latency: "11s", jitter: "-1s" })).toEqual(["latency", "jitter"]);
  });
  it.each([
    [{ methods: [] }, ["methods"]],
    [{ path: "/a?b" }, ["path"]],
    [{ path: "/a'$(b)" }, ["path"]],
    [{ path: "/api", canary: { path: "/apis" } }, ["canary.path"]],
    [{ methods: ["POST"], canary: { method: "GET" } }, ["canary.method"]],
    [{ canary: { method: "CONNECT" } }, ["canary.method"]],
    [{ pods: { selector: "" } }, ["pods.selector"]],
    [{ status: 399 }, ["status"]],
    [{ status: "503" }, ["status"]],
  ])("%j is wrong", (change, expected) => expect(error(change)).toEqual(expected));
  it("a jitter that would hide who is late is wrong where not all are", () => {
    expect(latency({ jitter: "501ms", share: "50%" })).toEqual(["jitter"]);
    expect(latency({ jitter: "1001ms" })).toEqual(["jitter"]);
  });
  it("so is a latency that is too short for it", () => {
    expect(latency({ latency: "20ms" })).toEqual([]);
    expect(latency({ latency: "20ms", share: "50%" })).toEqual(["latency"]);
    expect(latency({ latency: "50ms", share: "50%" })).toEqual([]);
  });
  it("the canary is GET where that is hit, and what is hit otherwise", () => {
    const of = (change: object) => canaryOf({ kind: "http.error", pods, port: 1, ...change });
    expect(of({})).toEqual({ path: "/", method: "GET" });
    expect(of({ path: "/a", methods: ["PUT", "GET"] })).toEqual({ path: "/a", method: "GET" });
    expect(of({ path: "/a", methods: ["PUT"], canary: { path: "/a/b" } })).toEqual({ path: "/a/b", method: "PUT" });
  });
});

describe("the rules in a pod", () => {
  it("send all to the proxy but what comes from it, from nodes, and from the pod itself", () => {
    const { rules, begin } = redirectOf({ id: "http-1", port: 8080, spared: ["10.244.1.1"] }, "10.244.2.9");
    const to = "-p tcp -m tcp --dport 8080";
    const mark = '-m comment --comment "faultline:http-1"';
    expect(restoreInput("http-1", rules).trim().split("\n")).toEqual([
      "*nat",
      `-I PREROUTING 1 -s 10.244.2.9/32 ${to} ${mark} -j ACCEPT`,
      `-I PREROUTING 2 -s 10.244.1.1/32 ${to} ${mark} -j ACCEPT`,
      `-I PREROUTING 3 ! -i lo ${to} ${mark} -j DNAT --to-destination 10.244.2.9:8081`,
      `-I POSTROUTING 1 -d 10.244.2.9/32 -p tcp -m tcp --dport 8081 ${mark} -j MASQUERADE`,
      "COMMIT",
      "*filter",
      `-I INPUT 1 -s 10.244.2.9/32 ${to} ${mark} -j ACCEPT`,
      `-I INPUT 2 -s 10.244.1.1/32 ${to} ${mark} -j ACCEPT`,
      `-I INPUT 3 ! -i lo ${to} ${mark} -j REJECT --reject-with tcp-reset`,
      "COMMIT",
    ]);
    expect(begin).toContain("'(' sport = :8080 and not dst 10.244.2.9 and not dst 10.244.1.1 ')'");
  });
  it("a node asks from its address, or from the one that it has among its pods", () => {
    const node = (address: string, podCIDRs?: string[]) => ({
      metadata: {},
      status: {
        addresses: [
          { type: "Hostname", address: "worker" },
          { type: "InternalIP", address },
        ],
      },
      spec: podCIDRs === undefined ? {} : { podCIDRs },
    });
    const nodes = [node("172.18.0.3", ["10.244.1.0/24", "fd00::/64"]), node("172.18.0.2"), node("fd01::2")];
    expect(nodeAddresses(nodes as never)).toEqual(["10.244.1.1", "172.18.0.2", "172.18.0.3"]);
  });
});

describe("what requests show", () => {
  const reading = (answers: string, control = "") => readingOf(`web-1 plain ${answers} ${control}`);
  const many = (count: number, one: string) => one.repeat(count);
  const ok = "0,200,0.004,0.005;";
  const failed = "0,503,0.004,0.005;";
  const reset = "56,000,0.000,0.002;";
  const none = "28,000,0.000,10.000;";
  const late = "0,200,1.006,1.007;";
  const error = { ...PASS, mode: "error", status: 503, share: 1 } as const;
  const latency = { ...PASS, mode: "late", latencyMs: 1_000, share: 1 } as const;

  it("is read from a line", () => {
    expect(reading(`${ok}${reset}`, ok)).toEqual({
      pod: "web-1",
      isTls: false,
      answers: [
        { exit: 0, status: 200, ms: 4 },
        { exit: 56, status: 0, ms: 2 },
      ],
      control: [{ exit: 0, status: 200, ms: 4 }],
    });
  });
  it("enough requests tell a share", () => {
    expect([1, 0.5, 0.05].map((share) => pace({ ...error, share }).times)).toEqual([20, 200, 400]);
    expect([1, 0.5, 0.05].map((share) => pace({ ...latency, share }).times)).toEqual([20, 64, 400]);
  });
  it("no more at a time than their waiting needs", () => {
    expect([50, 400, 10_000].map((latencyMs) => pace({ ...latency, latencyMs }).atOnce)).toEqual([4, 6, 20]);
    expect(pace(error).atOnce).toBe(8);
  });
  it.each([
    [1, many(20, failed), true, true],
    [1, many(19, failed) + ok, false, true],
    [1, many(20, ok), false, false],
    [1, many(20, none), false, false],
    [0.5, many(100, failed) + many(100, ok), true, true],
    [0.5, many(112, failed) + many(88, ok), true, true],
    [0.5, many(130, failed) + many(70, ok), false, true],
    [0.5, many(70, failed) + many(130, ok), false, true],
    [0.5, many(10, failed) + many(190, ok), false, false],
    [0.05, many(400, ok), false, false],
    [0.05, many(20, failed) + many(380, ok), true, true],
  ])("errors, a share of %d: case %#", (share, answers, inEffect, isLeft) =>
    expect(findingOf(reading(answers), { ...error, share }, null)).toMatchObject({ inEffect, isLeft }),
  );
  it("resets", () => {
    const settings = { ...error, mode: "reset", share: 0.5 } as const;
    const { inEffect, saw } = findingOf(reading(many(100, reset) + many(100, ok)), settings, null);
    expect([inEffect, saw]).toEqual([true, "100 of 200 requests were reset, 50 %; asked for are 50 %"]);
  });
  it.each([
    [{}, many(20, late), ok, null, true, true],
    [{}, many(20, ok), ok, null, false, false],
    [{}, many(19, late) + ok, ok, null, false, true],
    // The application itself is as slow.
    [{}, many(20, late), late, null, false, false],
    [{}, many(20, late), "", 4, true, true],
    [{}, many(20, late), "", 1_004, false, false],
    [{}, many(20, late), "", null, false, false],
    [{ share: 0.5 }, many(32, late) + many(32, ok), ok, null, true, true],
    [{ share: 0.5 }, many(64, late), ok, null, false, true],
    [{ jitterMs: 500 }, many(10, "0,200,0.6,0.6;") + many(10, "0,200,1.4,1.4;"), ok, null, true, true],
    [{ latencyMs: 500 }, many(20, "0,200,3.6,3.6;"), ok, null, false, true],
  ])("latency with %j: case %#", (change, answers, control, beforeMs, inEffect, isLeft) =>
    expect(findingOf(reading(answers, control), { ...latency, ...change }, beforeMs)).toMatchObject({
      inEffect,
      isLeft,
    }),
  );
  it("tells the delay as a percentile, against the one beside it", () => {
    expect(findingOf(reading(many(20, late), ok), latency, null)).toMatchObject({
      saw: "20 of 20 requests came late, in the median 1002 ms later than from a node (1006 ms and 4 ms); asked for are 1000 ms for 100 %",
      values: { requests: 20, hits: 20, delayMs: 1_002, lateMs: 1_006, lateP95Ms: 1_006, controlMs: 4 },
    });
  });
});
