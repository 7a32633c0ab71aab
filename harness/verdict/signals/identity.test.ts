import { describe, expect, test } from "vitest";
import { YIELDS_SAMPLES } from "../../define/probe-shapes.ts";
import { atOnce, behindALimit, type JobsArm, jobsRun } from "../../testing/synthetic-jobs.ts";
import type { Observation, RunRecord } from "../../types.ts";
import { judge } from "../judge.ts";
import { samplesOf } from "../samples.ts";

const RUN = jobsRun();
const armOf = (run: RunRecord, name: string) => {
  const found = judge(run).arms.find((arm) => arm.name === name);
  if (found === undefined) throw new Error(`no arm ${name}`);
  return found;
};
const mechanism = (run: RunRecord, arm: string, name: string) =>
  armOf(run, arm).mechanisms.find((one) => one.name === name);
const edited = (arm: string, edit: (o: Observation) => Observation | null): RunRecord => {
  const record = RUN.arms[arm] as NonNullable<RunRecord["arms"][string]>;
  const observations = record.observations.flatMap((o) => edit(o) ?? []);
  return { ...RUN, arms: { ...RUN.arms, [arm]: { ...record, observations } } };
};
const vulnerable = (change: Partial<JobsArm>) => {
  const base = { role: "vulnerable", expected: "violated", because: "x", patienceMs: 2_500, waitMs: 190 } as const;
  return jobsRun({ vulnerable: { ...base, delayMs: behindALimit, ...change } });
};

test("the story: refused behind the limit, served without it and with patience", () => {
  const verdict = judge(RUN);
  expect(verdict.arms.map((arm) => [arm.name, arm.verdict, arm.asExpected])).toEqual([
    ["control", "held", true],
    ["vulnerable", "violated", true],
    ["fixed-retry", "held", true],
  ]);
  expect(armOf(RUN, "vulnerable").because).toMatch(
    /^27 of 40 jobs failed \(27 × HTTP 404\).*27 of 40 jobs got no credentials because the address was not known yet/,
  );
  expect(armOf(RUN, "control").mechanisms).toHaveLength(2);
});

test("a wait that is not there makes a violated arm inconclusive: something else was slow", () => {
  const run = vulnerable({ waitMs: 3 });
  expect(armOf(run, "vulnerable")).toMatchObject({ verdict: "inconclusive" });
  expect(armOf(run, "vulnerable").because).toMatch(
    /Each of \d+ reads of the kubelets waited 3 ms .*5 a second, 10 saved/,
  );
});

test("jobs that got nothing although their address was known show another defect, and prove nothing", () => {
  const run = vulnerable({ delayMs: atOnce, patienceMs: 210 });
  const late = {
    ...run,
    arms: {
      vulnerable: {
        ...(run.arms.vulnerable as NonNullable<RunRecord["arms"][string]>),
        observations: (run.arms.vulnerable?.observations ?? []).map((o) =>
          o.type === "app" && o.event === "no-credentials" ? { ...o, t: o.t + 5_000 } : o,
        ),
      },
    },
  };
  expect(armOf(late, "vulnerable").verdict).toBe("inconclusive");
  expect(mechanism(late, "vulnerable", "none is refused too early")?.because).toMatch(
    /^None of 40.*got none for another/,
  );
});

test("another pod's role is a finding of its own, and no good job", () => {
  const run = edited("control", (o) =>
    o.type === "app" && o.pod === "builder-7" && o.event === "credentials"
      ? { ...o, detail: { ...o.detail, role: "builder-3" } }
      : o,
  );
  expect(mechanism(run, "control", "each gets its own role")).toMatchObject({ verdict: "violated", value: 1 });
  expect(mechanism(run, "control", "each gets its own role")?.because).toMatch(
    /builder-7 at 10\.244\.1\.9 got builder-3, its own is builder-7/,
  );
  expect(armOf(run, "control").slos[0]?.because).toMatch(/1 × wrong role/);
});

describe("a critical finding", () => {
  const stolen = (o: Observation) =>
    o.type === "app" && o.pod === "builder-1" && o.event === "credentials"
      ? { ...o, detail: { ...o.detail, role: "builder-0" } }
      : o;
  test("is never as expected, and comes first", () => {
    const run = edited("vulnerable", stolen);
    expect(armOf(run, "vulnerable")).toMatchObject({ expected: "violated", verdict: "violated", asExpected: false });
    expect(judge(run)).toMatchObject({ verdict: "violated", exitCode: 1 });
    expect(judge(run).because).toMatch(/vulnerable is violated.*: Critical: 1 of \d+ jobs got another role/);
  });
  test("stands whatever is missing beside it", () => {
    const run = edited("vulnerable", (o) => (o.type === "kubelet" ? null : stolen(o)));
    expect(armOf(run, "vulnerable")).toMatchObject({ verdict: "violated", asExpected: false });
    expect(armOf(run, "vulnerable").because).toMatch(/^Critical: .*Only 0 reads could be measured/);
  });
});

describe("a record with holes is no proof", () => {
  test("when logs are missing", () => {
    const run = edited("control", (o) => (o.type === "app" && o.pod.endsWith("7") ? null : o));
    expect(armOf(run, "control").because).toMatch(/4 of 40 pods never said anything/);
  });
  test("when the kubelets were never asked", () => {
    const run = edited("vulnerable", (o) => (o.type === "kubelet" ? null : o));
    expect(armOf(run, "vulnerable").because).toMatch(/Only 0 reads could be measured/);
  });
  test("a job that was removed before its answer is neither good nor bad", () => {
    const run = edited("control", (o) =>
      o.type === "app" && o.event === "credentials" && o.pod < "builder-2" ? null : o,
    );
    expect(armOf(run, "control").slos[0]).toMatchObject({ verdict: "held", value: 1 });
    expect(armOf(run, "control").slos[0]?.because).toMatch(/more were cut off/);
  });
});

test("definitions and verdicts agree on which probes yield samples", () => {
  const record = { requests: null, upstream: null, observations: [] };
  for (const [kind, yields] of Object.entries(YIELDS_SAMPLES)) {
    expect(samplesOf({ probes: { p: { kind } as never } }, record, "p") !== null, kind).toBe(yields);
  }
});
