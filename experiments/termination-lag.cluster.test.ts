/** The story itself: the quick size through the real command, every arm as expected, every report there. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { exec } from "../harness/cluster/exec.ts";
import { fingerprint } from "../harness/testing/fingerprint.ts";
import { BIN, outcomeOf, runStory, type StoryRun } from "../harness/testing/run-story.ts";
import { sharedCluster } from "../harness/testing/shared-cluster.ts";

describe("termination lag, quick size", () => {
  let run: StoryRun;
  let before: unknown;
  let after: unknown;

  beforeAll(async () => {
    const cluster = await sharedCluster();
    before = await fingerprint(cluster);
    run = await runStory("termination-lag", { cluster: cluster.name, timeoutMs: 590_000 });
    after = await fingerprint(cluster);
  }, 600_000);

  test("every arm came out as expected", () => {
    expect(outcomeOf(run)).toEqual({
      arms: [
        { name: "control", verdict: "held", asExpected: true },
        { name: "vulnerable", verdict: "violated", asExpected: true },
        { name: "fixed-prestop", verdict: "held", asExpected: true },
        { name: "fixed-serve-on", verdict: "held", asExpected: true },
      ],
      because: expect.any(String),
      exitCode: 0,
    });
  });

  test("the defect shows in the vulnerable arm and in no other", () => {
    const reached = (name: string) =>
      run.verdict.arms
        .find((arm) => arm.name === name)
        ?.terminations.reduce((sum, one) => sum + one.requestsAfterClose, 0);
    expect(reached("vulnerable")).toBeGreaterThan(0);
    expect([reached("fixed-prestop"), reached("fixed-serve-on")]).toEqual([0, 0]);
  });

  test("each terminated pod has its four times, in order", () => {
    const pods = run.verdict.arms.filter((arm) => arm.role !== "control").flatMap((arm) => arm.terminations);
    expect(pods.length).toBeGreaterThan(9);
    for (const pod of pods) {
      expect(pod.sigtermMs).toBeGreaterThanOrEqual(pod.deletedMs - 1_000);
      expect(pod.notReadyMs).toBeGreaterThanOrEqual(pod.deletedMs - 1_000);
      expect(pod.lastRequestMs).toBeGreaterThan(pod.notReadyMs as number);
    }
  });

  test("the reports are there, and can be rebuilt from the folder alone", async () => {
    for (const name of ["plan.json", "journal.ndjson", "verdict.json", "report.html", "report.md", "junit.xml"]) {
      expect(existsSync(join(run.latest, name)), name).toBe(true);
    }
    const before = readFileSync(join(run.latest, "verdict.json"), "utf8");
    const again = await exec(process.execPath, [BIN, "judge", run.latest, "--json"], {
      timeoutMs: 60_000,
      accept: "any",
    });
    expect(again.exitCode).toBe(0);
    expect(JSON.parse(again.stdout)).toEqual(JSON.parse(before));
    const html = readFileSync(join(run.latest, "report.html"), "utf8");
    await exec(process.execPath, [BIN, "report", run.latest], { timeoutMs: 60_000 });
    expect(readFileSync(join(run.latest, "report.html"), "utf8")).toBe(html);
  });

  test("the cluster is as it was", () => {
    expect(after).toEqual(before);
  });
});
