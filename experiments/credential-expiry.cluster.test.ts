/** The story through the real command: the arms that show the defect and what ends it, and every client's own window. */
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { type ExecResult, exec } from "../harness/cluster/exec.ts";
import { sharedCluster } from "../harness/testing/shared-cluster.ts";
import type { Observation, RunVerdict } from "../harness/types.ts";

const BIN = join(import.meta.dirname, "..", "harness", "cli", "bin.mjs");
const EXPERIMENT = join(import.meta.dirname, "credential-expiry.experiment.ts");
const ARMS = ["control", "vulnerable", "fixed-sdk"];

describe("credential expiry, three of its arms", () => {
  const reports = mkdtempSync(join(tmpdir(), "faultline-story-"));
  const latest = join(reports, "credential-expiry", "latest");
  let result: ExecResult;
  let verdict: RunVerdict;

  beforeAll(async () => {
    const cluster = await sharedCluster();
    const args = ["run", EXPERIMENT, "--size", "quick", "--cluster", cluster.name, "--reports", reports, "--json"];
    const arms = ARMS.flatMap((arm) => ["--arm", arm]);
    // The first time the images of four languages are built too.
    result = await exec(process.execPath, [BIN, ...args, ...arms], { timeoutMs: 890_000, accept: "any" });
    verdict = JSON.parse(result.stdout) as RunVerdict;
  }, 900_000);

  test("every arm came out as expected", () => {
    const arms = verdict.arms.map((arm) => ({ name: arm.name, verdict: arm.verdict, asExpected: arm.asExpected }));
    expect({ arms, because: verdict.because, exitCode: result.exitCode }).toEqual({
      arms: [
        { name: "control", verdict: "held", asExpected: true },
        { name: "vulnerable", verdict: "violated", asExpected: true },
        { name: "fixed-sdk", verdict: "held", asExpected: true },
      ],
      because: expect.any(String),
      exitCode: 0,
    });
  });

  test("each client has a window of its own, and none fails", () => {
    const cells = readFileSync(join(latest, "arms", "control", "observations.ndjson"), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Observation)
      .filter((one) => one.type === "swept");
    const clients = ["botocore", "go-2", "java-1.11.550", "java-1.12.797", "java-2", "js-3"];
    expect([...new Set(cells.map(({ client }) => client))].sort()).toEqual(clients);
    expect(cells.filter(({ failed }) => failed > 0)).toEqual([]);
    const twice = cells.filter(({ calls }) => calls.role === 32 && calls.credentials === 32);
    expect([...new Set(twice.map(({ client }) => client))]).toEqual(["java-1.11.550"]);
    expect(twice.every(({ remainingMs }) => remainingMs < 900_000)).toBe(true);
  });

  test("the page shows where the time went, and which client asks when", () => {
    const page = readFileSync(join(latest, "report.html"), "utf8");
    expect(page).toContain("Where the time of a request went");
    expect(page).toContain("Which client asks when");
  });
});
