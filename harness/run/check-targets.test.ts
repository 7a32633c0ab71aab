import { describe, expect, it } from "vitest";
import { plan } from "../plan/plan.ts";
import { experiment, planInput } from "../testing/experiment.ts";
import type { Manifest, Plan, PlannedArm, PlannedStep } from "../types.ts";
import { checkTargets, expectedTargets, parseSelector } from "./check-targets.ts";

const deployment = (app: string, replicas?: number): Manifest => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: app },
  spec: { ...(replicas === undefined ? {} : { replicas }), template: { metadata: { labels: { app, tier: "web" } } } },
});

/** The sample's plan, its arm with these manifests and a fault with these targets. */
function planWith(targets: object, manifests: readonly Manifest[] = [deployment("checkout", 4)]): Plan {
  const planned = plan(planInput(experiment()));
  if (!("plan" in planned)) throw new Error(JSON.stringify(planned.problems));
  const spec = { kind: "pods.kill", targets } as unknown as PlannedStep["spec"];
  const step: PlannedStep = { id: "current/kill/0", fault: "kill", spec, atMs: 0, forMs: 1 };
  const arm = planned.plan.arms[0] as PlannedArm;
  return { ...planned.plan, arms: [{ ...arm, manifests, steps: [step] }] };
}
const problems = (targets: object, manifests?: readonly Manifest[]) =>
  checkTargets(planWith(targets, manifests)).map(({ path, message }) => `${path}: ${message}`);
const expected = (targets: object) => {
  const { arms } = planWith(targets);
  return expectedTargets(arms[0] as PlannedArm, arms[0]?.steps[0] as PlannedStep);
};

describe("targets of a plan", () => {
  it("that no pod has are refused, unless none is all right", () => {
    const wrong = { selector: "app=chekout" };
    expect(problems(wrong)).toEqual([expect.stringMatching(/^faults.kill.targets.selector: no pod .* app=chekout/)]);
    expect(problems({ ...wrong, emptyTargets: "skip" })).toEqual([]);
  });
  it("that are more than may be hit are refused", () => {
    expect(problems({ selector: "app=checkout", count: 3, atMost: "50%" })).toEqual([
      expect.stringContaining("3 pods of arm"),
    ]);
    expect(problems({ selector: "app=checkout", count: "50%", atMost: 2 })).toEqual([]);
  });
  it("that the plan does not tell are left to the arm", () => {
    const unknown = [{ ...deployment("a"), kind: "Shop" }];
    expect(problems({ selector: "app=x" }, unknown)).toEqual([]);
    expect(problems({ selector: "app in (x)" })).toEqual([]);
    expect(problems({ selector: "app=x", namespace: "other" })).toEqual([]);
    expect(problems({ names: ["worker"] })).toEqual([]);
  });
  it("are told with their number and bound", () => {
    expect(expected({ selector: "tier=web", count: "50%", atMost: "75%" })).toBe("2 of 4 pods, at most 3");
    expect(expected({ selector: "app=checkout" })).toBe("4 of 4 pods");
  });
});

describe("selectors", () => {
  const labels = { app: "x", tier: "web" };
  it.each([
    ["app=x", true],
    ["app==x,tier=web", true],
    ["app=y", false],
    ["app!=y", true],
    ["tier", true],
    ["!tier", false],
    ["!other, app=x", true],
  ])("%s: %s", (text, matches) => expect(parseSelector(text)?.(labels)).toBe(matches));
  it("of other forms are not read", () => expect(parseSelector("app in (x,y)")).toBeNull());
});
