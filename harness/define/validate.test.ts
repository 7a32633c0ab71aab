import { describe, expect, it, test } from "vitest";
import { experiment, FAULT_SPECS } from "../testing/experiment.ts";
import type { Experiment } from "../types.ts";
import { formatMs, parseDuration } from "./duration.ts";
import { validate } from "./validate.ts";

const problemsOf = (changes: object) => validate({ ...experiment(), ...changes }, FAULT_SPECS);

test("a sound definition has no problem", () => {
  expect(validate(experiment(), FAULT_SPECS)).toEqual([]);
});

describe("each mistake is named with its path", () => {
  const base = experiment();
  const cases: readonly (readonly [string, object, string, RegExp])[] = [
    [
      "unknown fault",
      { timeline: [{ at: "0s", inject: "nothin", for: "1s" }] },
      "timeline[0].inject",
      /did you mean "nothing"/,
    ],
    ["unknown kind of fault", { faults: { nothing: { kind: "nop" } } }, "faults.nothing.kind", /did you mean "noop"/],
    ["unknown probe", { slos: [{ ...base.slos[0], over: "lod" }] }, "slos[0].over", /did you mean "load"/],
    ["unknown arm", { sizes: { quick: { arms: ["curent"] } } }, "sizes.quick.arms[0]", /did you mean "current"/],
    [
      "another length of a fault that the timeline does not have",
      { sizes: { quick: { for: { nothin: "1s" } } } },
      "sizes.quick.for.nothin",
      /did you mean "nothing"/,
    ],
    [
      "arm without an unknown fault",
      { arms: { a: { ...base.arms.control, without: ["x"] } } },
      "arms.a.without[0]",
      /unknown fault "x"/,
    ],
    ["no samples asked for", { slos: [{ ...base.slos[0], minSamples: 0 }] }, "slos[0].minSamples", /at least 1/],
    [
      "phase without length",
      { phases: { ...base.phases, baseline: "0s" }, slos: [{ ...base.slos[0], during: "baseline" }] },
      "slos[0].during",
      /can have no samples/,
    ],
    [
      "names of a probe's samples",
      { slos: [{ ...base.slos[0], over: "ends", named: "x" }] },
      "slos[0].named",
      /"load"/,
    ],
    ["per cent for a ratio", { slos: [{ ...base.slos[0], atLeast: 99 }] }, "slos[0].atLeast", /not per cent/],
    [
      "timeline beyond the limit",
      { timeline: [{ at: "0s", inject: "nothing", for: "1h" }] },
      "timeline[0]",
      /beyond limits.run of 10000 ms/,
    ],
    [
      "a limit in terms of a control that is missing",
      {
        slos: [{ ...base.slos[0], kind: "latency", percentile: 50, atLeast: undefined, atMost: "3x control" }],
        arms: { current: base.arms.current },
      },
      "slos[0].atMost",
      /no arm has the role control/,
    ],
    ["no duration", { limits: { run: "10", revert: "5s" } }, "limits.run", /a number with a unit/],
    ["unknown key", { hypotesis: "x" }, "", /hypotesis/],
    ["a metadata mock that is none", { cluster: { ...base.cluster, imds: true } }, "cluster.imds", /"mock"/],
    [
      "settings of the metadata mock without it",
      { workload: { ...base.workload, imds: { lifetime: "15m" } } },
      "workload.imds",
      /set cluster.imds/,
    ],
    [
      "an arm's settings of it",
      { arms: { a: { ...base.arms.control, imds: { hopLimit: 0, lifetime: "13h" } } } },
      "arms.a.imds.lifetime",
      /from 1s to 12h/,
    ],
    ["its faults without it", { faults: { slow: { kind: "imds.latency" } } }, "faults.slow", /needs the metadata mock/],
    [
      "a mechanism asked for in an arm that is none",
      {
        mechanisms: [{ name: "m", over: "ends", signal: "endpoint-lag", role: "defect", atMost: 1, arms: ["curent"] }],
      },
      "mechanisms[0].arms[0]",
      /did you mean "current"/,
    ],
    ["an SLO over a probe without samples", { slos: [{ ...base.slos[0], over: "ends" }] }, "slos[0].over", /yields no/],
    ["an SLO over a load that is not there", { load: undefined }, "slos[0].over", /unknown probe "load"/],
    [
      "a guard without load",
      { load: undefined, guard: { availabilityAtLeast: 0.5, window: "5s" } },
      "guard",
      /there is no load/,
    ],
    ["same name twice", { slos: [base.slos[0], base.slos[0]] }, "slos[1].name", /used twice/],
  ];
  test.each(cases)("%s", (_, changes, path, message) => {
    const problems = problemsOf(changes);
    expect(problems).toContainEqual({ path, message: expect.stringMatching(message) });
  });
});

test("several mistakes come all at once", () => {
  const problems = problemsOf({
    name: "Not Kebab",
    timeline: [{ at: "x", inject: "y", for: "1s" }],
    limits: { run: "1s" },
  });
  const paths = problems.map((problem) => problem.path);
  expect(paths).toEqual(expect.arrayContaining(["name", "timeline[0].at", "timeline[0].inject", "limits.revert"]));
});

test.each([null, 7, "text", []])("%j is no definition", (value) => {
  expect(validate(value, FAULT_SPECS).length).toBeGreaterThan(0);
});

test("wrong names fail in the editor", () => {
  const sound: Experiment<"ends", "nothing", "control"> = experiment() as never;
  // @ts-expect-error a fault that is not defined
  const wrong: typeof sound = { ...sound, timeline: [{ at: "0s", inject: "nothin", for: "1s" }] };
  expect(wrong.timeline[0]?.inject).toBe("nothin");
});

test.each([
  ["500ms", 500],
  ["1.5s", 1_500],
  ["2m", 120_000],
  ["1h", 3_600_000],
  ["5", null],
  ["-1s", null],
  ["5 s", null],
])("%s is %s ms", (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test("durations for people", () => {
  expect([850, 4_200, 60_000, 185_000].map(formatMs)).toEqual(["850 ms", "4.2 s", "1 min", "3 min 5 s"]);
});

describe("the label selector of a probe", () => {
  const problems = (selector: string) => problemsOf({ probes: { ends: { kind: "placement", selector } } });
  const ofSelector = (selector: string) => problems(selector).filter(({ path }) => path === "probes.ends.selector");

  it.each(["app=a", "app.kubernetes.io/name=a,tier!=b", "app in (a, b), !old", "env notin (prod)", "app", "app="])(
    "may be %s",
    (selector) => expect(ofSelector(selector)).toEqual([]),
  );
  it.each(["", "app==a=b", "app=a,", "=a", "app in a", "app=a b", "-app=a"])("is refused as %j", (selector) =>
    expect(ofSelector(selector)[0]?.message).toMatch(/a label selector: "app=checkout"/),
  );
});
