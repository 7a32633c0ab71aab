/** The story itself: the quick size through the real command, every arm as expected, every report there. */
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { type ExecResult, exec } from "../harness/cluster/exec.ts";
import { fingerprint } from "../harness/testing/fingerprint.ts";
import { sharedCluster } from "../harness/testing/shared-cluster.ts";
import type { RunVerdict } from "../harness/types.ts";

const BIN = join(import.meta.dirname, "..", "harness", "cli", "bin.mjs");
const EXPERIMENT = join(import.meta.dirname, "termination-lag.experiment.ts");

describe("termination lag, quick size", () => {
  const reports = mkdtempSync(join(tmpdir(), "faultline-story-"));
  const latest = join(reports, "termination-lag", "latest");
  let result: ExecResult;
  let verdict: RunVerdict;
  let before: unknown;
  let after: unknown;

  beforeAll(async () => {
    const cluster = await sharedCluster();
    before = await fingerprint(cluster);
    const args = ["run", EXPERIMENT, "--size", "quick", "--cluster", cluster.name, "--reports", reports, "--json"];
    result = await exec(process.execPath, [BIN, ...args], { timeoutMs: 590_000, accept: "any" });
    after = await fingerprint(cluster);
    verdict = JSON.parse(result.stdout) as RunVerdict;
  }, 600_000);

  test("every arm came out as expected", () => {
    const arms = verdict.arms.map((arm) => ({ name: arm.name, verdict: arm.verdict, asExpected: arm.asExpected }));
    expect({ arms, because: verdict.because, exitCode: result.exitCode }).toEqual({
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
      verdict.arms.find((arm) => arm.name === name)?.terminations.reduce((sum, one) => sum + one.requestsAfterClose, 0);
    expect(reached("vulnerable")).toBeGreaterThan(0);
    expect([reached("fixed-prestop"), reached("fixed-serve-on")]).toEqual([0, 0]);
  });

  test("each terminated pod has its four times, in order", () => {
    const pods = verdict.arms.filter((arm) => arm.role !== "control").flatMap((arm) => arm.terminations);
    expect(pods.length).toBeGreaterThan(9);
    for (const pod of pods) {
      expect(pod.sigtermMs).toBeGreaterThanOrEqual(pod.deletedMs - 1_000);
      expect(pod.notReadyMs).toBeGreaterThanOrEqual(pod.deletedMs - 1_000);
      expect(pod.lastRequestMs).toBeGreaterThan(pod.notReadyMs as number);
    }
  });

  test("the reports are there, and can be rebuilt from the folder alone", async () => {
    for (const name of ["plan.json", "journal.ndjson", "verdict.json", "report.html", "report.md", "junit.xml"]) {
      expect(existsSync(join(latest, name)), name).toBe(true);
    }
    const before = readFileSync(join(latest, "verdict.json"), "utf8");
    const again = await exec(process.execPath, [BIN, "judge", latest, "--json"], { timeoutMs: 60_000, accept: "any" });
    expect(again.exitCode).toBe(0);
    expect(JSON.parse(again.stdout)).toEqual(JSON.parse(before));
    const html = readFileSync(join(latest, "report.html"), "utf8");
    await exec(process.execPath, [BIN, "report", latest], { timeoutMs: 60_000 });
    expect(readFileSync(join(latest, "report.html"), "utf8")).toBe(html);
  });

  test("the cluster is as it was", () => {
    expect(after).toEqual(before);
  });
});
