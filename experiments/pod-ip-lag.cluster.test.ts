/** The story itself: two of its arms in quick size. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { outcomeOf, runStory, type StoryRun } from "../harness/testing/run-story.ts";
import { sharedCluster } from "../harness/testing/shared-cluster.ts";

const ARMS = ["vulnerable", "fixed-qps"];

describe("pod IP lag, quick size", () => {
  let run: StoryRun;

  beforeAll(async () => {
    const cluster = await sharedCluster();
    run = await runStory("pod-ip-lag", { arms: ARMS, cluster: cluster.name, timeoutMs: 590_000 });
  }, 600_000);

  test("every arm came out as expected", () => {
    expect(outcomeOf(run)).toEqual({
      arms: [
        { name: "vulnerable", verdict: "violated", asExpected: true },
        { name: "fixed-qps", verdict: "held", asExpected: true },
      ],
      because: expect.any(String),
      exitCode: 0,
    });
  });

  test("the vulnerable arm shows the whole chain: the limiter's wait, the late address, the job that is turned away", () => {
    const values = (arm: string) =>
      Object.fromEntries(
        run.verdict.arms.find(({ name }) => name === arm)?.mechanisms.map((m) => [m.name, m.value]) ?? [],
      );
    const vulnerable = values("vulnerable");
    expect(vulnerable["the kubelet's calls wait for their turn"]).toBeGreaterThan(100);
    expect(vulnerable["addresses are known within what a metadata proxy waits"]).toBeGreaterThan(2_000);
    expect(vulnerable["no builder is turned away because its address is not known yet"]).toBeGreaterThan(0);
    expect(vulnerable["no builder gets another one's role"]).toBe(0);
    expect(values("fixed-qps")["no builder is turned away because its address is not known yet"]).toBe(0);
  });

  test("the report shows the jobs of each arm", () => {
    expect(existsSync(join(run.latest, "verdict.json"))).toBe(true);
    const html = readFileSync(join(run.latest, "report.html"), "utf8");
    for (const arm of ARMS)
      expect(html).toContain(`Delay of each job&#39;s address and the kubelets&#39; wait in arm ${arm}`);
  });
});
