/** The story itself, through the real command on a cluster of its own topology: without a fault, hurt, and mended. */
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { type ExecResult, exec } from "../harness/cluster/exec.ts";
import type { RunVerdict } from "../harness/types.ts";

const BIN = join(import.meta.dirname, "..", "harness", "cli", "bin.mjs");
const EXPERIMENT = join(import.meta.dirname, "hot-node-cascade.experiment.ts");
const ARMS = ["control", "vulnerable", "fixed-anti-affinity"];

describe("hot node, cascade, three arms", () => {
  const reports = mkdtempSync(join(tmpdir(), "faultline-story-"));
  const latest = join(reports, "hot-node-cascade", "latest");
  let result: ExecResult;
  let verdict: RunVerdict;

  beforeAll(async () => {
    const arms = ARMS.flatMap((arm) => ["--arm", arm]);
    const args = ["run", EXPERIMENT, "--size", "quick", ...arms, "--reports", reports, "--json"];
    result = await exec(process.execPath, [BIN, ...args], { timeoutMs: 590_000, accept: "any" });
    verdict = JSON.parse(result.stdout) as RunVerdict;
  }, 600_000);

  test("every arm came out as expected", () => {
    const arms = verdict.arms.map(({ name, verdict: came, asExpected }) => [name, came, asExpected]);
    expect({ arms, because: verdict.because, exitCode: result.exitCode }).toEqual({
      arms: [
        ["control", "held", true],
        ["vulnerable", "violated", true],
        ["fixed-anti-affinity", "held", true],
      ],
      because: expect.any(String),
      exitCode: 0,
    });
  });

  test("the replicas took two nodes down where they were together, and none where they were apart", () => {
    const depth = (name: string) =>
      verdict.arms
        .find((arm) => arm.name === name)
        ?.mechanisms.find((one) => one.name === "one node at the most goes down")?.value;
    expect(ARMS.map(depth)).toEqual([0, 2, 0]);
  });

  test("the page shows where the replicas were, and what of the cluster was set", () => {
    const html = readFileSync(join(latest, "report.html"), "utf8");
    expect(html).toContain("Where the replicas were");
    expect(html).toMatch(/2 nodes down, all back after \d/);
    expect(html).toContain("node-monitor-grace-period");
  });
});
