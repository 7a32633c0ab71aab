import { describe, expect, it } from "vitest";
import { dnsFailure } from "../dns-failure.ts";
import { dnsLatency } from "../dns-latency.ts";
import { findingOf } from "./effect.ts";
import { type Reading, readingOf } from "./lookup.ts";
import { lookedAt } from "./names.ts";

describe("what a DNS fault says of its spec", () => {
  const paths = (change: object) =>
    dnsLatency
      .validate({ kind: "dns.latency", names: ["db.example.com"], latency: "1s", ...change } as never)
      .map(({ path }) => path);
  it("all mistakes at once", () => {
    expect(paths({})).toEqual([]);
    expect(paths({ names: ["*", "*.example.com", "_srv._tcp.a.b"], pods: { selector: "app=x" } })).toEqual([]);
    expect(paths({ names: [], latency: "5s", pods: { selector: "", count: 0 } })).toEqual([
      "names",
      "pods.selector",
      "pods.count",
      "latency",
    ]);
    expect(paths({ names: ["db", "a..b", "a.b.", "a.*.b", 5], latency: "-1s" })).toEqual([
      ...[0, 1, 2, 3, 4].map((i) => `names[${i}]`),
      "latency",
    ]);
  });
  it("an answer that there is not", () => {
    const problems = dnsFailure.validate({ kind: "dns.failure", names: ["*"], answer: "maybe" as "none" });
    expect(problems.map(({ path }) => path)).toEqual(["answer"]);
  });
});

describe("the names that are looked at", () => {
  const control = "kubernetes.default.svc.cluster.local";
  it.each([
    [["*.example.com", "db.example.org"], { hit: "db.example.org", control }],
    [["*.example.com"], { hit: "faultline-probe.example.com", control }],
    [["*"], { hit: control, control: null }],
    [["*.svc.cluster.local"], { hit: "faultline-probe.svc.cluster.local", control: null }],
  ])("%j", (names, expected) => expect(lookedAt(names)).toEqual(expected));
});

describe("lookups as evidence", () => {
  it("are read from what the script prints", () => {
    expect(["a yes failed 2011 ok 12 bytes:,70,76,129,130,", "b no ok 7 none 0 bytes:"].map(readingOf)).toEqual([
      {
        pod: "a",
        asksCluster: true,
        hit: { answered: false, ms: 2011 },
        control: { answered: true, ms: 12 },
        rcode: 2,
      },
      { pod: "b", asksCluster: false, hit: { answered: true, ms: 7 }, control: null, rcode: null },
    ]);
  });

  const usual: Reading = {
    pod: "a",
    asksCluster: true,
    hit: { answered: true, ms: 4 },
    control: { answered: true, ms: 4 },
    rcode: 0,
  };
  const inEffect = (mode: "late" | "drop" | "servfail" | "nxdomain", change: Partial<Reading>) =>
    findingOf({ ...usual, ...change }, { mode, latencyMs: 1_000, hit: "db" }, 2_000).inEffect;
  it("late: between what was asked for and what a busy machine adds, the other name not", () => {
    expect(inEffect("late", {})).toBe(false);
    expect(inEffect("late", { hit: { answered: true, ms: 1_010 } })).toBe(true);
    expect(inEffect("late", { hit: { answered: false, ms: 1_010 }, rcode: 3 })).toBe(true);
    expect(inEffect("late", { hit: { answered: false, ms: 1_010 }, rcode: null })).toBe(false);
    expect(inEffect("late", { hit: { answered: true, ms: 9_000 } })).toBe(false);
    expect(inEffect("late", { hit: { answered: true, ms: 1_010 }, control: { answered: true, ms: 1_010 } })).toBe(
      false,
    );
  });
  it("lost: the resolver waited in vain; refused: it did not, and the code is the one", () => {
    const failed = (ms: number, rcode: number | null) => ({ hit: { answered: false, ms }, rcode });
    expect(inEffect("drop", failed(2_004, null))).toBe(true);
    expect(inEffect("drop", failed(3, null))).toBe(false);
    expect(inEffect("drop", failed(2_004, 2))).toBe(false);
    expect(inEffect("servfail", failed(3, 2))).toBe(true);
    expect(inEffect("servfail", failed(3, 3))).toBe(false);
    expect(inEffect("nxdomain", failed(3, 3))).toBe(true);
    expect(inEffect("nxdomain", { ...failed(3, 3), control: { answered: false, ms: 3 } })).toBe(false);
  });
});
