import { describe, expect, test } from "vitest";
import type { JsonObject, Observation } from "../types.ts";
import { addressDelaysOf, gotWrongRole, jobsOf, wasRefusedBeforeAddress } from "./jobs.ts";
import { limiterWaitOf, stretchesOf } from "./kubelet-waits.ts";

const probe = "builders";
const pod = (t: number, event: "seen" | "address" | "deleting" | "gone", ip: string | null = null): Observation => ({
  ...{ t, probe, type: "pod", pod: "a", node: "w", ip, event },
});
const app = (
  t: number,
  event: "first-act" | "credentials" | "no-credentials",
  detail: JsonObject = {},
): Observation => ({
  ...{ t, probe, type: "app", pod: "a", event, detail },
});
const role = (name: string | null): Observation => ({ t: 5, probe, type: "identity", pod: "a", role: name });
const oneOf = (...observations: readonly Observation[]) => {
  const [job] = jobsOf(probe, observations).jobs;
  if (job === undefined) throw new Error("no job");
  return job;
};
const delays = (...observations: readonly Observation[]) => addressDelaysOf(jobsOf(probe, observations).jobs);

describe("a job", () => {
  test("is put together from log, watch and annotation", () => {
    const detail = { status: 200, role: "r", attempts: 2 };
    expect(
      oneOf(
        pod(1, "seen"),
        role("r"),
        app(10, "first-act"),
        app(40, "credentials", detail),
        pod(50, "address", "10.0.0.1"),
      ),
    ).toMatchObject({
      ...{ pod: "a", node: "w", ip: "10.0.0.1", firstActMs: 10, addressMs: 50, answeredMs: 40, outcome: "credentials" },
      ...{ status: 200, attempts: 2, role: "r", expectedRole: "r", error: "" },
    });
  });
  test("that said nothing is counted, not made up", () => {
    expect(jobsOf(probe, [pod(1, "seen"), role("r")])).toEqual({ jobs: [], unheard: 1, blind: 0 });
  });
  test("of another probe is none", () => {
    expect(jobsOf("others", [app(1, "first-act")])).toEqual({ jobs: [], unheard: 0, blind: 0 });
  });
  test("whose address came while a watch was blind is left out", () => {
    const gap: Observation = { t: 60, probe, type: "gap", fromT: 30, why: "closed" };
    const seen = [app(10, "first-act"), pod(50, "address", "10.0.0.1"), gap];
    expect(jobsOf(probe, seen)).toMatchObject({ jobs: [], unheard: 0, blind: 1 });
    expect(jobsOf(probe, [...seen.slice(0, 2), { ...gap, fromT: 55 }]).jobs).toHaveLength(1);
  });
});

describe("the delay of an address", () => {
  test("is none where the address was there first", () => {
    expect(delays(pod(5, "address", "10.0.0.1"), app(10, "first-act"))).toEqual([0]);
  });
  test("is at least the life of a job whose address never came, and unknown where that was short", () => {
    expect(delays(app(10, "first-act"), pod(5_010, "deleting"))).toEqual([5_000]);
    expect(delays(app(10, "first-act"), pod(1_010, "deleting"))).toEqual([]);
  });
});

describe("a job was refused before its address was known", () => {
  const first = app(0, "first-act");
  const none = app(3_000, "no-credentials", { status: 404 });
  test.each([
    ["when the address came later", [first, none, pod(4_000, "address", "x")], true],
    ["when it never came", [first, none], true],
    ["when it came in the moment of the answer", [first, pod(2_900, "address", "x"), none], true],
    ["not when it was there long before", [first, pod(1_000, "address", "x"), none], false],
    ["not when it got its credentials", [first, app(3_000, "credentials"), pod(4_000, "address", "x")], false],
  ] as const)("%s", (_, observations, expected) => {
    expect(wasRefusedBeforeAddress(oneOf(...observations))).toBe(expected);
  });
});

test("another pod's role is wrong, and so is a role where there should be none", () => {
  const got = (expected: string | null) =>
    gotWrongRole(oneOf(role(expected), app(1, "first-act"), app(2, "credentials", { status: 200, role: "mine" })));
  expect([got("mine"), got("other"), got(null)]).toEqual([false, true, true]);
});

describe("what kubelets count", () => {
  const sums = (t: number, calls: number, waitMs: number): Observation => ({
    ...{
      t,
      probe,
      type: "kubelet",
      node: "w",
      qps: 5,
      burst: 10,
      calls,
      waitMs,
      statuses: calls / 2,
      statusMs: waitMs * 2,
    },
  });
  test("is what came between two looks, also across a restart", () => {
    const stretches = stretchesOf(probe, [sums(0, 100, 50), sums(10, 110, 250), sums(20, 4, 80)]);
    expect(stretches.map(({ fromMs, toMs, calls, waitMs }) => [fromMs, toMs, calls, waitMs])).toEqual([
      [0, 10, 10, 200],
      [10, 20, 4, 80],
    ]);
  });
  test("counts while jobs began, on the nodes that ran them", () => {
    const jobs = [pod(1, "seen"), app(12, "first-act"), pod(25, "address", "x")];
    const others: Observation = { ...sums(20, 900, 9_000), node: "idle" } as Observation;
    const looks = [
      sums(0, 100, 50),
      sums(10, 110, 60),
      sums(20, 120, 2_060),
      sums(30, 130, 4_060),
      sums(40, 190, 4_060),
    ];
    expect(limiterWaitOf(probe, [...jobs, ...looks, others])).toMatchObject({
      ...{ calls: 20, meanMs: 200, statusMs: 800, limits: "5 a second, 10 saved up" },
    });
    expect(limiterWaitOf(probe, looks).calls).toBe(0);
  });
});
