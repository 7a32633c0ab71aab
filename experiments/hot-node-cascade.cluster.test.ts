/** The story itself, through the real command on a cluster of its own topology: hurt, and mended. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { outcomeOf, runStory, type StoryRun } from "../harness/testing/run-story.ts";

const ARMS = ["vulnerable", "fixed-anti-affinity"];

describe("hot node, cascade, two arms", () => {
  let run: StoryRun;

  beforeAll(async () => {
    run = await runStory("hot-node-cascade", { arms: ARMS, timeoutMs: 590_000 });
  }, 600_000);

  test("every arm came out as expected", () => {
    expect(outcomeOf(run)).toEqual({
      arms: [
        { name: "vulnerable", verdict: "violated", asExpected: true },
        { name: "fixed-anti-affinity", verdict: "held", asExpected: true },
      ],
      because: expect.any(String),
      exitCode: 0,
    });
  });

  test("the replicas took two nodes down where they were together, and none where they were apart", () => {
    const depth = (name: string) =>
      run.verdict.arms
        .find((arm) => arm.name === name)
        ?.mechanisms.find((one) => one.name === "one node at the most goes down")?.value;
    expect(ARMS.map(depth)).toEqual([2, 0]);
  });

  test("the page shows where the replicas were, and what of the cluster was set", () => {
    const html = readFileSync(join(run.latest, "report.html"), "utf8");
    expect(html).toContain("Where the replicas were");
    expect(html).toMatch(/2 nodes down, all back after \d/);
    expect(html).toContain("node-monitor-grace-period");
  });
});
