/** The story through the real command: the arms that show the defect and what ends it, and every client's own window. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { outcomeOf, runStory, type StoryRun } from "../harness/testing/run-story.ts";
import { sharedCluster } from "../harness/testing/shared-cluster.ts";
import type { Observation } from "../harness/types.ts";

const ARMS = ["control", "vulnerable", "fixed-sdk"];

describe("credential expiry, three of its arms", () => {
  let run: StoryRun;

  beforeAll(async () => {
    const cluster = await sharedCluster();
    // The first time the images of four languages are built too.
    run = await runStory("credential-expiry", { arms: ARMS, cluster: cluster.name, timeoutMs: 890_000 });
  }, 900_000);

  test("every arm came out as expected", () => {
    expect(outcomeOf(run)).toEqual({
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
    const cells = readFileSync(join(run.latest, "arms", "control", "observations.ndjson"), "utf8")
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
    const page = readFileSync(join(run.latest, "report.html"), "utf8");
    expect(page).toContain("Where the time of a request went");
    expect(page).toContain("Which client asks when");
  });
});
