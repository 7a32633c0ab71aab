import { describe, expect, test } from "vitest";
import { experiment, planInput } from "../testing/experiment.ts";
import type { Plan } from "../types.ts";
import { merge } from "./overlay.ts";
import { plan } from "./plan.ts";
import { seeded } from "./random.ts";

function planned(...args: Parameters<typeof planInput>): Plan {
  const result = plan(planInput(...args));
  if ("problems" in result) throw new Error(JSON.stringify(result.problems));
  return result.plan;
}
const problems = (...args: Parameters<typeof planInput>) => {
  const result = plan(planInput(...args));
  return "problems" in result ? result.problems : [];
};

test("each arm gets a namespace of its own and its variables", () => {
  const { arms } = planned(experiment());
  expect(arms.map((arm) => [arm.name, arm.namespace])).toEqual([
    ["control", "sample-control"],
    ["current", "sample-current"],
  ]);
  expect(JSON.stringify(arms[1]?.manifests)).toContain('"value":"current"');
  expect(arms[1]?.manifests[0]?.metadata.namespace).toBe("sample-current");
});

test("a control leaves the faults out, the other arms have them", () => {
  expect(planned(experiment()).arms.map((arm) => arm.steps.length)).toEqual([0, 1]);
});

test("a size changes arms and phases; an arm that is asked for wins over the size", () => {
  const quick = planned(experiment(), { size: "quick" });
  expect(quick.arms.map((arm) => arm.name)).toEqual(["current"]);
  expect(quick.phases.baselineMs).toBe(5);
  expect(planned(experiment(), { size: "quick", arms: ["control"] }).arms.map((arm) => arm.name)).toEqual(["control"]);
});

test("a size changes how long a step lasts", () => {
  const lasts = (size: string) =>
    planned(experiment({ sizes: { quick: { for: { nothing: "3ms" } } } }), { size }).arms[1]?.steps[0]?.forMs;
  expect([lasts("full"), lasts("quick")]).toEqual([10, 3]);
});

test("an arm's settings of the metadata mock are laid over the workload's", () => {
  const base = experiment();
  const arms = { ...base.arms, current: { ...base.arms.current, imds: { lifetime: "1h" } } };
  const workload = { ...base.workload, imds: { lifetime: "15m", latency: "40ms" } };
  const changed = { ...base, cluster: { ...base.cluster, imds: "mock" }, workload, arms } as typeof base;
  expect(planned(changed).arms.map((arm) => arm.imds)).toEqual([
    { lifetime: "15m", latency: "40ms" },
    { lifetime: "1h", latency: "40ms" },
  ]);
  expect(planned(base).arms[0]).not.toHaveProperty("imds");
});

test("an arm's variables are filled into the texts of faults too, however deep", () => {
  const base = experiment();
  const spec = { kind: "noop", template: { containers: [{ env: [{ name: "SLEEP", value: "${SLEEP}" }] }], n: 1 } };
  const changed = (vars: Record<string, string>) => ({
    ...base,
    faults: { nothing: spec as never },
    arms: { current: { ...base.arms.current, vars } as never },
  });
  const [arm] = planned(changed({ SLEEP: "5" })).arms;
  expect(arm?.steps[0]?.spec).toEqual({
    kind: "noop",
    template: { containers: [{ env: [{ name: "SLEEP", value: "5" }] }], n: 1 },
  });
  expect(problems(changed({}))).toContainEqual({
    path: "faults.nothing",
    message: expect.stringContaining("${SLEEP} is not defined"),
  });
});

test("an experiment may have no load", () => {
  const { load: _, ...base } = experiment();
  const slos = [{ name: "x", kind: "availability", over: "ends", during: "fault", minSamples: 1, atLeast: 1 } as const];
  expect(problems({ ...base, slos })).toEqual([
    { path: "slos[0].over", message: "a pod-terminations probe yields no samples to judge an SLO by" },
  ]);
});

test("the same seed gives the same plan, another seed another one", () => {
  expect(planned(experiment())).toEqual(planned(experiment()));
  expect(planned(experiment(), { seed: 8 }).arms[0]?.seed).not.toBe(planned(experiment()).arms[0]?.seed);
});

test("the plan survives JSON", () => {
  const one = planned(experiment());
  expect(JSON.parse(JSON.stringify(one))).toEqual(one);
});

describe("what cannot be planned is refused", () => {
  const patches = [{ kind: "Deployment", name: "wbe", merge: {} }];
  const withPatch = { sizes: {}, arms: { a: { role: "current", expected: "held", because: "x", patches } } } as never;
  test.each([
    ["unknown size", experiment(), { size: "huge" }, "--size", /known: full, quick/],
    ["unknown arm", experiment(), { arms: ["x"] }, "--arm", /known: control, current/],
    ["patch of nothing", experiment(withPatch), {}, "arms.a.patches[0]", /no manifest holds Deployment wbe/],
    [
      "variable nobody defined",
      experiment({ load: { script: "l.ts", env: { A: "${NOPE}" } } }),
      {},
      "load.env.A",
      /NOPE.* is not defined/,
    ],
    [
      "URL that is none",
      experiment({ load: { script: "l.ts", env: { TARGET_URL: "localhost:80:x" } } }),
      {},
      "load.env.TARGET_URL",
      /is no URL/,
    ],
    [
      "manifest without kind",
      experiment(),
      { manifests: [{ path: "m.yaml", text: "a: 1" }] },
      "m.yaml",
      /needs apiVersion, kind/,
    ],
    ["manifest that is no YAML", experiment(), { manifests: [{ path: "m.yaml", text: "a: [" }] }, "m.yaml", /./],
  ] as const)("%s", (_, definition, changes, path, message) => {
    expect(problems(definition, changes)).toContainEqual({ path, message: expect.stringMatching(message) });
  });

  test("an object that would outlive its arm", () => {
    const text = "apiVersion: v1\nkind: Namespace\nmetadata: {name: x}";
    expect(problems(experiment(), { manifests: [{ path: "m.yaml", text }] })[0]?.message).toMatch(/outlive the arm/);
  });
});

describe("merge", () => {
  test.each([
    ["objects deep", { a: { b: 1, c: 2 } }, { a: { b: 3 } }, { a: { b: 3, c: 2 } }],
    ["null removes", { a: 1, b: 2 }, { a: null }, { b: 2 }],
    [
      "lists of named things by name",
      { l: [{ name: "x", v: 1 }, { name: "y" }] },
      { l: [{ name: "x", w: 2 }, { name: "z" }] },
      { l: [{ name: "x", v: 1, w: 2 }, { name: "y" }, { name: "z" }] },
    ],
    ["other lists replaced", { l: [1, 2] }, { l: [3] }, { l: [3] }],
  ])("%s", (_, base, patch, expected) => {
    expect(merge(base as never, patch as never)).toEqual(expected);
  });
});

describe("seeded randomness", () => {
  test("repeats, stays in bounds and differs between forks", () => {
    const draw = (name: string) =>
      Array.from(
        { length: 50 },
        (
          (random) => () =>
            random.below(10)
        )(seeded(42).fork(name)),
      );
    expect(draw("a")).toEqual(draw("a"));
    expect(draw("a")).not.toEqual(draw("b"));
    expect(draw("a").every((n) => n >= 0 && n < 10)).toBe(true);
    expect(new Set(draw("a")).size).toBeGreaterThan(5);
  });
});
