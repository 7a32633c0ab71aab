/** What the faults of the metadata service say of their specs, and how they read what canaries saw. */
import { describe, expect, it } from "vitest";
import type { Asked, Round } from "../../cluster/imds-server/canary.ts";
import { DEFAULTS } from "../../cluster/imds-server/settings.ts";
import { expectedRange } from "../imds-credentials.ts";
import { faultOf } from "../index.ts";
import { concerned } from "./imds-fault.ts";

const MINUTE = 60_000;
const pathsOf = (spec: { readonly kind: `imds.${string}`; readonly [key: string]: unknown }) =>
  faultOf(spec.kind as "imds.latency")
    .validate(spec as never)
    .map(({ path }) => path);

describe("specs", () => {
  it.each([
    { kind: "imds.latency", latency: "40ms" },
    { kind: "imds.latency", latency: "60s", calls: "token" },
    { kind: "imds.errors", share: "5%" },
    { kind: "imds.errors", share: "100%", status: "timeout", calls: "credentials" },
    { kind: "imds.credentials", remaining: "899s" },
    { kind: "imds.credentials", lifetime: "1h", remaining: "14m", refreshBefore: "0s" },
    { kind: "imds.credentials", expired: "1m" },
    { kind: "imds.unavailable", how: "refuse" },
    { kind: "imds.unavailable", how: "no-answer", calls: "token" },
  ] as const)("%j is right", (spec) => expect(pathsOf(spec)).toEqual([]));

  it.each([
    [{ kind: "imds.latency", latency: "-5ms", calls: "some" }, ["latency", "calls"]],
    [{ kind: "imds.latency", latency: "61s" }, ["latency"]],
    [{ kind: "imds.errors", share: "101%", status: 200, calls: "all" }, ["share", "status"]],
    [{ kind: "imds.errors", share: "4%", status: 500.5 }, ["share", "status"]],
    [{ kind: "imds.errors", share: 50 }, ["share"]],
    [{ kind: "imds.credentials" }, ["lifetime"]],
    [{ kind: "imds.credentials", refreshBefore: "5m" }, ["lifetime"]],
    [{ kind: "imds.credentials", lifetime: "13h", refreshBefore: "soon" }, ["lifetime", "refreshBefore"]],
    [{ kind: "imds.credentials", lifetime: "10m", remaining: "11m" }, ["remaining"]],
    [{ kind: "imds.credentials", expired: "1m", lifetime: "1h" }, ["expired"]],
    [{ kind: "imds.unavailable" }, ["how"]],
    [{ kind: "imds.unavailable", how: "burning", calls: "none" }, ["how", "calls"]],
    [{ kind: "imds.unavailable", how: "refuse", calls: "token" }, ["calls"]],
  ] as const)("%j: all mistakes at once", (spec, paths) => expect(pathsOf(spec)).toEqual(paths));
});

describe("what credentials may have left", () => {
  const rangeOf = (credentials: object, elapsedMs: number) =>
    expectedRange({ change: { credentials }, settings: DEFAULTS }, elapsedMs);

  it("aged: what they had, less the time since; later also those that replaced them", () => {
    const aged = { remainingMs: 14 * MINUTE, lifetimeMs: 60 * MINUTE };
    expect(rangeOf(aged, 2 * MINUTE)).toEqual({ fromMs: 12 * MINUTE, toMs: 14 * MINUTE });
    expect(rangeOf(aged, 10 * MINUTE)).toEqual({ fromMs: 4 * MINUTE, toMs: 60 * MINUTE });
  });
  it("expired: for as long as was asked, and longer by the time since", () => {
    expect(rangeOf({ expiredMs: MINUTE }, MINUTE)).toEqual({ fromMs: -2 * MINUTE, toMs: -MINUTE });
  });
});

describe("the calls that a fault concerns", () => {
  const call = (status: number): Asked => ({ status, ms: 1, error: "" });
  const round: Round = {
    ...{ token: call(1), role: call(2), credentials: call(3) },
    ...{ roleName: "r", accessKeyId: null, remainingMs: null },
  };
  it.each([
    ["all", [1, 2, 3]],
    ["token", [1]],
    ["credentials", [2, 3]],
  ] as const)("%s", (calls, statuses) => {
    expect(concerned([round], calls).map(({ status }) => status)).toEqual(statuses);
  });
  it("credentials that nobody could ask for are no call", () => {
    expect(concerned([{ ...round, credentials: null }], "credentials")).toHaveLength(1);
  });
});
