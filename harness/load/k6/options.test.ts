import { describe, expect, test } from "vitest";
import { durationMs } from "./duration.ts";
import { Metrics, percentile } from "./metrics.ts";
import { readOptions } from "./options.ts";
import { evaluateThreshold, parseThreshold, type Threshold } from "./thresholds.ts";

const read = (options: unknown, exportedFunctions = ["default"]) => {
  const metrics = new Metrics();
  metrics.declare("orders", "counter");
  return readOptions(options, {
    file: "s.ts",
    lines: { "": 1, scenarios: 2, "scenarios.a": 3, "scenarios.a.rate": 4, thresholds: 9 },
    exportedFunctions,
    metrics,
  });
};
const arrival = { executor: "constant-arrival-rate", rate: 50, duration: "1m30s", preAllocatedVUs: 5 };

describe("options", () => {
  test("a constant arrival rate", () => {
    const { options, problems } = read({
      scenarios: { a: { ...arrival, timeUnit: "500ms", maxVUs: 9, startTime: "2s" } },
    });
    expect(problems).toEqual([]);
    expect(options.scenarios).toEqual([
      expect.objectContaining({
        ratePerSecond: 100,
        durationMs: 90_000,
        startMs: 2000,
        preAllocatedVUs: 5,
        maxVUs: 9,
        gracefulStopMs: 30_000,
      }),
    ]);
  });

  test("vus and duration are a scenario of their own", () => {
    const { options, problems } = read({ vus: 3, duration: "5s" });
    expect(problems).toEqual([]);
    expect(options.scenarios).toEqual([
      expect.objectContaining({ executor: "constant-vus", vus: 3, durationMs: 5000 }),
    ]);
  });

  test("everything unsupported is named at once, each at the nearest line", () => {
    const { problems } = read({
      stages: [],
      rps: 5,
      scenarios: {
        a: { ...arrival, rate: "many", exec: "missing", stages: [] },
        b: { executor: "ramping-vus", stages: [] },
      },
      thresholds: {
        http_req_duration: ["p(95)<", "count<5", { threshold: "avg<1", abortOnFail: true }],
        http_reqs: ["avg<5"],
        nothing: ["count>1"],
      },
    });
    expect(problems.map(({ line, message }) => `${line}: ${message}`)).toEqual([
      expect.stringContaining("1: options.stages is not supported"),
      expect.stringContaining("1: options.rps is not supported"),
      expect.stringContaining("3: scenarios.a.stages is not supported for constant-arrival-rate"),
      expect.stringContaining('3: the script exports no function "missing"'),
      expect.stringContaining('4: scenarios.a.rate: "many" is no whole number'),
      expect.stringContaining(
        '2: executor "ramping-vus" is not supported; supported: constant-arrival-rate, constant-vus',
      ),
      expect.stringContaining('9: "p(95)<" is no threshold'),
      expect.stringContaining("9: http_req_duration: abortOnFail is not supported"),
      expect.stringContaining('9: "avg<5": http_reqs is a counter'),
      expect.stringContaining('9: there is no metric "nothing"'),
    ]);
  });

  test("no scenario and no duration is nothing to run", () => {
    expect(read({}).problems).toEqual([
      expect.objectContaining({ message: expect.stringContaining("nothing to run") }),
    ]);
  });
});

describe("durations", () => {
  test.each([
    ["10s", 10_000],
    ["1m30s", 90_000],
    ["1.5h", 5_400_000],
    ["250ms", 250],
    [400, 400],
    ["10", 10],
    ["ten", null],
    ["10 s", null],
    [-1, null],
    [undefined, null],
  ])("%s", (text, ms) => expect(durationMs(text)).toBe(ms));
});

describe("thresholds", () => {
  const evaluate = (metric: string, expression: string, values: readonly number[]) => {
    const threshold = parseThreshold(metric, expression) as Threshold;
    const metrics = new Metrics();
    const series = metrics.watch(threshold.name, threshold.filter);
    for (const value of values) metrics.add(threshold.name, value, () => ({ name: "get" }));
    return evaluateThreshold(threshold, series, 10);
  };
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);

  test.each([
    ["http_req_duration", "p(95)<200", hundred, true, 95.05],
    ["http_req_duration", "p(100) <= 99.5", hundred, false, 100],
    ["http_req_duration", "avg==50.5", hundred, true, 50.5],
    ["http_req_duration", "min>=1", hundred, true, 1],
    ["http_req_duration", "max<100", hundred, false, 100],
    ["http_req_duration", "med<51", hundred, true, 50.5],
    ["http_req_failed", "rate<0.01", [0, 0, 0, 1], false, 0.25],
    ["http_reqs", "count>=60", [1, 1, 1], false, 3],
    ["http_reqs", "rate>0.2", [1, 1, 1], true, 0.3],
    ["http_reqs{name:get}", "count>=3", [1, 1, 1], true, 3],
  ])("%s %s", (metric, expression, values, ok, value) => {
    const result = evaluate(metric, expression, values);
    expect(result.ok).toBe(ok);
    expect(result.value).toBeCloseTo(value, 9);
  });

  test.each([
    ["http_req_failed", "rate<0.01"],
    ["http_req_duration{name:get}", "p(95)<200"],
    ["http_reqs", "count>=0"],
  ])("%s %s without samples is neither kept nor broken", (metric, expression) => {
    expect(evaluate(metric, expression, [])).toMatchObject({ ok: null, value: null });
  });

  test("samples with other tags do not count", () => {
    expect(evaluate("http_reqs{name:post}", "count<5", [1, 1])).toMatchObject({ ok: null });
  });

  test("percentiles interpolate between ranks", () => {
    expect(percentile([1, 2, 3, 4], 50)).toBe(2.5);
    expect(percentile([7], 99)).toBe(7);
  });
});
