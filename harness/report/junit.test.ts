import { expect, test } from "vitest";
import { syntheticRun } from "../testing/synthetic-run.ts";
import { wellFormed } from "../testing/xml.ts";
import type { JournalEntry, PlannedArm, RunRecord } from "../types.ts";
import { judge } from "../verdict/judge.ts";
import { junitReport } from "./junit.ts";

const RUN = syntheticRun({ arms: ["control", "vulnerable", "fixed-prestop"], terminations: 3, ratePerSecond: 40 });
const noisy = syntheticRun({ arms: ["control"], ratePerSecond: 40, noise: 0.05 });
const withArm = (name: string, change: Partial<PlannedArm>): RunRecord => ({
  ...RUN,
  plan: { ...RUN.plan, arms: RUN.plan.arms.map((arm) => (arm.name === name ? { ...arm, ...change } : arm)) },
});
const xmlOf = (run: RunRecord) => junitReport(run, judge(run));

test.each<[string, RunRecord, number]>([
  ["as expected", RUN, 0],
  ["an arm that should hold is violated", withArm("vulnerable", { expected: "held", role: "fixed" }), 1],
  ["an arm that should be violated holds", withArm("fixed-prestop", { expected: "violated" }), 1],
  ["no evidence", { ...RUN, journal: RUN.journal.filter((e) => e.type !== "fault") }, 2],
  ["the control fails", { ...RUN, arms: { ...RUN.arms, control: noisy.arms.control as never } }, 2],
  [
    "the cluster is dirty",
    {
      ...RUN,
      journal: [
        ...RUN.journal.slice(0, -1),
        { ...(RUN.journal.at(-1) as JournalEntry & { type: "run-end" }), dirty: true },
      ],
    },
    3,
  ],
  ["no arms", { ...RUN, plan: { ...RUN.plan, arms: [] } }, 2],
])("green exactly when the exit code is 0: %s", (_, run, exitCode) => {
  const xml = xmlOf(run);
  expect(judge(run).exitCode).toBe(exitCode);
  expect(xml.includes("<failure")).toBe(exitCode !== 0);
  expect(wellFormed(xml)).toBe(true);
  const total = /<testsuites [^>]*failures="(\d+)"/.exec(xml)?.[1];
  expect(Number(total)).toBe(xml.match(/<failure /g)?.length ?? 0);
});

test("an SLO that is violated where it is expected passes, and tells so as output", () => {
  const xml = xmlOf(RUN);
  expect(xml).toMatch(
    /<testcase name="SLO: requests succeed" classname="termination-lag\.vulnerable">\s*<system-out>violated: /,
  );
});

test("a suite for the run and for each arm, with the run's id and seed", () => {
  const xml = xmlOf(RUN);
  expect(xml.match(/<testsuite /g)).toHaveLength(4);
  expect(xml.match(/<property name="seed" value="7"\/>/g)).toHaveLength(4);
  expect(xml).toContain(`<property name="runId" value="${RUN.runId}"/>`);
});

test("text that would break XML does not", () => {
  const because = "a < b && \"c\" ]]> \u0000\u001b[31m 'd' \ud800 é 🙂";
  const run = { ...RUN, journal: [...RUN.journal, { t: 1, type: "invalid", arm: "control", because } as const] };
  const xml = xmlOf(run);
  expect(wellFormed(xml)).toBe(true);
  expect(xml).toContain("é 🙂");
});
