import { expect, test } from "vitest";
import { syntheticRun } from "../testing/synthetic-run.ts";
import { compareArms } from "./compare.ts";

test("every arm is compared with the vulnerable one, over the fault phase", () => {
  const run = syntheticRun({ arms: ["control", "vulnerable", "wrong-fix-grace"], terminations: 3, ratePerSecond: 40 });
  const [control, vulnerable, wrong] = compareArms(run);
  expect(vulnerable?.againstVulnerable).toBeNull();
  expect(control).toMatchObject({ samples: 30 * 40, bad: 0, ratio: 0, badRun: null });
  expect(control?.againstVulnerable?.difference).toBeCloseTo(-(vulnerable?.ratio ?? 0), 12);
  expect(control?.againstVulnerable?.interval.high).toBeLessThan(0);
  expect(control?.againstVulnerable?.pValue).toBeLessThan(1e-9);
  expect(control?.againstVulnerable?.p99DifferenceMs).toBeLessThan(-1_000);
  expect(wrong?.againstVulnerable?.interval.low).toBeLessThan(0);
  expect(wrong?.againstVulnerable?.interval.high).toBeGreaterThan(0);
  expect(vulnerable?.kinds.map((kind) => kind.kind).sort()).toEqual(["HTTP 502", "timeout"]);
});

test("an arm without requests has no figures, and no comparison", () => {
  const run = syntheticRun({ arms: ["vulnerable", "fixed-prestop"], terminations: 2, ratePerSecond: 20 });
  const [, fixed] = compareArms({ ...run, arms: { vulnerable: run.arms.vulnerable as never } });
  expect(fixed).toMatchObject({ samples: 0, ratio: null, p99Ms: Number.NaN, againstVulnerable: null });
});
