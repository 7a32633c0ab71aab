import { describe, expect, test } from "vitest";
import { SYNTHETIC_ARMS } from "../testing/synthetic-plan.ts";
import { syntheticRun } from "../testing/synthetic-run.ts";
import type { JournalEntry, LoadSummary, PlannedArm, RunRecord } from "../types.ts";
import { judge } from "./judge.ts";

const SMALL = { terminations: 4, ratePerSecond: 30 } as const;
const WHOLE = syntheticRun(SMALL);
const PAIR = syntheticRun({ ...SMALL, arms: ["vulnerable", "fixed-prestop"] });

const armOf = (run: RunRecord, name: string) => {
  const found = judge(run).arms.find((arm) => arm.name === name);
  if (found === undefined) throw new Error(`no arm ${name}`);
  return found;
};
const withJournal = (
  run: RunRecord,
  edit: (journal: readonly JournalEntry[]) => readonly JournalEntry[],
): RunRecord => ({
  ...run,
  journal: edit(run.journal),
});
const without = (run: RunRecord, drop: (entry: JournalEntry) => boolean) =>
  withJournal(run, (journal) => journal.filter((entry) => !drop(entry)));
const withArm = (run: RunRecord, name: string, change: Partial<PlannedArm>): RunRecord => ({
  ...run,
  plan: { ...run.plan, arms: run.plan.arms.map((arm) => (arm.name === name ? { ...arm, ...change } : arm)) },
});
/** Puts an entry into the middle of the arm, where the order of time wants it. */
const inserted = (run: RunRecord, entry: JournalEntry) =>
  withJournal(run, (journal) => [...journal.slice(0, -1), entry, ...journal.slice(-1)]);
const withLoad = (run: RunRecord, arm: string, change: Partial<LoadSummary>) =>
  withJournal(run, (journal) =>
    journal.map((e) => (e.type === "load" && e.arm === arm ? { ...e, summary: { ...e.summary, ...change } } : e)),
  );

/** Every start of the arm came 200 ms late. */
const slow = (run: RunRecord, name: string): RunRecord => {
  const arm = run.arms[name];
  if (arm === undefined || arm.requests === null) throw new Error(`no requests of ${name}`);
  const requests = { ...arm.requests, startMs: arm.requests.intendedMs.map((at) => at + 200) };
  return { ...run, arms: { ...run.arms, [name]: { ...arm, requests } } };
};

test("the whole story comes out as expected, each arm for its own reason", () => {
  const verdict = judge(WHOLE);
  expect(verdict).toMatchObject({
    verdict: "held",
    asExpected: true,
    exitCode: 0,
    because: "All 6 arms came out as expected.",
  });
  for (const arm of verdict.arms) {
    expect([arm.name, arm.verdict, arm.asExpected]).toEqual([arm.name, SYNTHETIC_ARMS[arm.name]?.expected, true]);
  }
  const vulnerable = verdict.arms.find((arm) => arm.name === "vulnerable");
  expect(vulnerable?.terminations).toHaveLength(4);
  expect(vulnerable?.mechanisms.map((m) => m.verdict)).toEqual(["violated", "held", "held"]);
});

test("a mechanism is asked for in its arms alone", () => {
  const mechanisms = WHOLE.plan.mechanisms.map((one) => ({ ...one, arms: ["vulnerable"] }));
  const counts = judge({ ...WHOLE, plan: { ...WHOLE.plan, mechanisms } }).arms.map((arm) => arm.mechanisms.length);
  expect(counts).toEqual(WHOLE.plan.arms.map((arm) => (arm.name === "vulnerable" ? 3 : 0)));
});

test("a run without load is judged without it", () => {
  const noLoad = without({ ...PAIR, plan: { ...PAIR.plan, loadScript: null } }, (entry) => entry.type === "load");
  expect(judge(noLoad).arms.map((arm) => [arm.verdict, arm.load])).toEqual([
    ["violated", null],
    ["held", null],
  ]);
});

test("judging is a function of the record alone", () => {
  expect(judge(WHOLE)).toEqual(judge(structuredClone(WHOLE)));
});

describe("an arm is inconclusive", () => {
  const fault = (e: JournalEntry, arm: string) => e.type === "fault" && e.arm === arm;
  const lag = (e: JournalEntry) => fault(e, "fixed-prestop") && e.type === "fault" && e.fault === "lag";
  test.each<[string, RunRecord, RegExp]>([
    ["when a planned fault was never injected", without(PAIR, lag), /planned and never injected/],
    [
      "when a fault has no evidence",
      without(PAIR, (e) => lag(e) && e.type === "fault" && e.state === "effective"),
      /Nothing shows that fault lag was effective/,
    ],
    [
      "when the journal says that it is invalid",
      inserted(PAIR, { t: 1, type: "invalid", arm: "fixed-prestop", because: "Node worker was not ready." }),
      /Node worker was not ready/,
    ],
    [
      "when the harness failed in it",
      inserted(PAIR, { t: 1, type: "error", arm: "fixed-prestop", message: "no kubeconfig", code: "cluster" }),
      /The harness failed: no kubeconfig/,
    ],
    ["when the load was late", slow(PAIR, "fixed-prestop"), /The load came late/],
    ["when it has no load summary", without(PAIR, (e) => e.type === "load" && e.arm === "fixed-prestop"), /no summary/],
    [
      "when its data are missing",
      { ...PAIR, arms: { vulnerable: PAIR.arms.vulnerable as never } },
      /No request was recorded/,
    ],
    [
      "when its recovery never ended",
      without(
        PAIR,
        (e) => e.type === "phase" && e.arm === "fixed-prestop" && e.phase === "recovery" && e.edge === "end",
      ),
      /the recovery phase did not end/,
    ],
    ["when it never began", withJournal(PAIR, (j) => j.slice(0, 4)), /The arm did not run/],
    [
      "when a precondition is not met",
      {
        ...PAIR,
        plan: {
          ...PAIR.plan,
          mechanisms: PAIR.plan.mechanisms.map((m) =>
            m.name === "the ingress learns late" ? { ...m, atLeast: 9_000, atMost: 12_000 } : m,
          ),
        },
      },
      /the ingress learns late: The ingress sent its last request/,
    ],
    [
      "when a k6 threshold has no samples",
      withLoad(PAIR, "fixed-prestop", {
        thresholds: [{ metric: "orders", expression: "count>1", ok: null, value: null }],
      }),
      /orders has no samples/,
    ],
  ])("%s", (_, run, because) => {
    const arm = armOf(run, "fixed-prestop");
    expect(arm).toMatchObject({ verdict: "inconclusive", asExpected: false });
    expect(arm.because).toMatch(because);
    expect(judge(run)).toMatchObject({ verdict: "inconclusive", asExpected: false });
  });

  test("when its SLO broke and the defect is not there", () => {
    const run = syntheticRun({ ...SMALL, arms: ["fixed-prestop"], noise: 0.02 });
    const { requests, upstream, observations } = run.arms["fixed-prestop"] as NonNullable<(typeof run.arms)[string]>;
    const arm = armOf({ ...run, arms: { "fixed-prestop": { requests, upstream, observations } } }, "fixed-prestop");
    expect(arm.slos[0]?.verdict).toBe("violated");
    expect(arm.mechanisms[0]?.verdict).toBe("held");
    expect(arm).toMatchObject({ verdict: "inconclusive", because: expect.stringContaining("something else broke it") });
  });
});

test("the same data without a defect mechanism are violated: nothing says what should have caused it", () => {
  const run = syntheticRun({ ...SMALL, arms: ["fixed-prestop"], noise: 0.02 });
  const plain = { ...run, plan: { ...run.plan, mechanisms: [] } };
  expect(judge(plain)).toMatchObject({ exitCode: 1, verdict: "violated", asExpected: false });
});

test("a control whose SLO fails makes every other arm inconclusive, and is violated itself", () => {
  const noisy = syntheticRun({ ...SMALL, arms: ["control"], noise: 0.02 });
  const run = { ...WHOLE, arms: { ...WHOLE.arms, control: noisy.arms.control as never } };
  const verdict = judge(run);
  expect(verdict.arms.map((arm) => arm.verdict)).toEqual(["violated", ...Array(5).fill("inconclusive")]);
  expect(verdict.arms[2]?.because).toMatch(/^The SLO already failed without a fault, in control: /);
  expect(verdict).toMatchObject({ verdict: "inconclusive", exitCode: 2 });
});

describe("as expected", () => {
  test("a fixed arm that breaks is violated, and the run exits 1", () => {
    const run = withArm(PAIR, "vulnerable", { role: "fixed", expected: "held" });
    expect(armOf(run, "vulnerable")).toMatchObject({ verdict: "violated", asExpected: false });
    const verdict = judge(run);
    expect(verdict).toMatchObject({ verdict: "violated", exitCode: 1 });
    expect(verdict.because).toMatch(
      /^1 of 2 arms did not come out as expected; vulnerable is violated, expected held: /,
    );
  });

  test("a vulnerable arm that holds is not as expected", () => {
    const run = withArm(PAIR, "fixed-prestop", { role: "vulnerable", expected: "violated" });
    expect(armOf(run, "fixed-prestop")).toMatchObject({ verdict: "held", asExpected: false });
    expect(judge(run).exitCode).toBe(1);
  });

  test("a wrong fix that is violated by a script's threshold alone is not: its defect must be there", () => {
    const thresholds = [{ metric: "m", expression: "rate>1", ok: false, value: 0 }];
    const run = withArm(withLoad(PAIR, "fixed-prestop", { thresholds }), "fixed-prestop", {
      role: "wrong-fix",
      expected: "violated",
    });
    expect(armOf(run, "fixed-prestop")).toMatchObject({ verdict: "inconclusive", asExpected: false });
  });

  test("an arm that is expected to be inconclusive is as expected when it is", () => {
    const run = withArm(slow(PAIR, "fixed-prestop"), "fixed-prestop", {
      expected: "inconclusive",
    });
    expect(judge(run)).toMatchObject({ verdict: "held", asExpected: true, exitCode: 0 });
  });
});

describe("the exit code", () => {
  const last = (run: RunRecord) => run.journal.at(-1) as JournalEntry & { type: "run-end" };
  test("is 3 when a fault was not reverted, whatever else came out", () => {
    const run = without(WHOLE, (e) => e.type === "fault" && e.id === "vulnerable/lag/0" && e.state === "reverted");
    expect(judge(run)).toMatchObject({
      exitCode: 3,
      asExpected: true,
      because: expect.stringContaining("vulnerable/lag/0 not reverted"),
    });
  });

  test("is 3 when the run says that it left something", () => {
    const run = withJournal(WHOLE, (j) => [...j.slice(0, -1), { ...last(WHOLE), dirty: true }]);
    expect(judge(run).exitCode).toBe(3);
    expect(judge(withJournal(run, (j) => [...j, last(WHOLE)])).exitCode).toBe(0);
  });

  test("is 2 when the run was interrupted, and arms that completed keep their verdict", () => {
    const cut = WHOLE.journal.findIndex((e) => e.type === "arm" && e.arm === "fixed-prestop" && e.edge === "begin");
    const run = withJournal(WHOLE, (j) => [
      ...j.slice(0, cut),
      { t: j[cut]?.t ?? 0, type: "run-end", outcome: "interrupted", dirty: false },
    ]);
    const verdict = judge(run);
    expect(verdict.arms.map((arm) => arm.verdict).slice(0, 3)).toEqual(["held", "violated", "inconclusive"]);
    expect(verdict).toMatchObject({ exitCode: 2, because: expect.stringContaining("the run was interrupted") });
  });

  test("is 2 for a run without arms", () => {
    expect(judge({ ...WHOLE, plan: { ...WHOLE.plan, arms: [] } }).exitCode).toBe(2);
  });
});

test("a guard that stopped an arm makes it violated, although it did not complete", () => {
  const guarded = { ...PAIR, plan: { ...PAIR.plan, guard: { availabilityAtLeast: 0.9, windowMs: 2_000 } } };
  const run = without(
    guarded,
    (e) =>
      ("arm" in e && e.arm === "vulnerable" && e.type === "phase" && e.phase === "recovery") ||
      (e.type === "fault" &&
        e.arm === "vulnerable" &&
        e.fault === "restarts" &&
        e.state !== "intent" &&
        e.state !== "reverting" &&
        e.state !== "reverted"),
  );
  const arm = armOf(run, "vulnerable");
  expect(arm).toMatchObject({ verdict: "violated", asExpected: true });
  expect(arm.slos.find((slo) => slo.name.startsWith("guard"))?.verdict).toBe("violated");
  expect(armOf(guarded, "fixed-prestop").verdict).toBe("held");
});

test("a fault that is a model of something is called one, once for all arms", () => {
  const run = syntheticRun({ arms: ["control", "vulnerable"], terminations: 3, ratePerSecond: 40 });
  expect(judge(run).models).toEqual([]);
  const arms = run.plan.arms.map((arm) => ({
    ...arm,
    steps: arm.steps.map((step) => ({ ...step, model: "the lag is made, not found" })),
  }));
  expect(judge({ ...run, plan: { ...run.plan, arms } }).models).toEqual([
    "ingress.endpoint-lag is a model: the lag is made, not found.",
    "pods.terminate is a model: the lag is made, not found.",
  ]);
});
