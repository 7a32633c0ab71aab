import { expect, test } from "vitest";
import { syntheticRun } from "../../../testing/synthetic-run.ts";
import type { ArmRecord, Observation, RunRecord } from "../../../types.ts";
import { judge } from "../../../verdict/judge.ts";
import { phaseWindows } from "../../../verdict/windows.ts";
import { htmlReport } from "../page.ts";

const BASE = syntheticRun({ arms: ["control", "vulnerable", "fixed-prestop"], terminations: 2, ratePerSecond: 20 });

/** A look each second; two calls of so many ms for each of twenty requests where the arm storms. */
function looks(run: RunRecord, arm: string, storms: boolean, callsMs = 86): Observation[] {
  const window = phaseWindows(run, arm).run;
  if (window === null) return [];
  const at = (index: number) => ({ t: window.beginMs + index * 1_000, probe: "imds" });
  return Array.from({ length: Math.floor((window.endMs - window.beginMs) / 1_000) }, (_, index): Observation[] => {
    const requests = 20 * index;
    const calls = storms ? { role: 1 + requests, credentials: 1 + requests } : { role: 1, credentials: 1, token: 1 };
    const ms = {
      credentials: storms ? requests * callsMs : 90,
      dns: requests * 2,
      upstream: requests * 7,
      rest: requests,
    };
    return [
      { ...at(index), type: "imds-calls", calls: { pod: calls } },
      { ...at(index), type: "time-spent", spent: { pod: { requests, ms } } },
    ];
  }).flat();
}

const SWEPT = ["java-1.11.550", "go-2"].flatMap((client) =>
  [3_600_000, 899_000].flatMap((remainingMs) =>
    [1, 32].map((concurrency): Observation => {
      const each = client.startsWith("java") && remainingMs < 900_000 ? 32 : 0;
      const cell = { client, remainingMs, concurrency, requests: 32, failed: client === "go-2" ? 1 : 0, tookMs: 9 };
      return { t: 1, probe: "sweep", type: "swept", ...cell, calls: { role: each, credentials: each } };
    }),
  ),
);

const RUN: RunRecord = {
  ...BASE,
  plan: {
    ...BASE.plan,
    mechanisms: [],
    probes: {
      imds: { kind: "imds-calls", selector: "app=x" },
      sweep: {
        kind: "credential-sweep",
        selector: "app=y",
        port: 1,
        remaining: ["1h"],
        concurrency: [1],
        requests: 32,
      },
    },
    arms: BASE.plan.arms.map((arm) => ({ ...arm, imds: { lifetime: "15m", remaining: "899s" } })),
  },
  arms: Object.fromEntries(
    Object.entries(BASE.arms).map(([arm, record]) => [
      arm,
      {
        ...record,
        observations: [...looks(BASE, arm, arm === "vulnerable"), ...(arm === "fixed-prestop" ? SWEPT : [])],
      },
    ]),
  ),
};
const PAGE = htmlReport(RUN, judge(RUN));
const text = PAGE.replace(/<(script|style)[^>]*>.*?<\/\1>/gs, " ")
  .replace(/<[^>]+>/g, " ")
  .replace(/\s+/g, " ");

test("the arms stand side by side with their calls, their times, and the settings of their credentials", () => {
  expect(text).toContain("Where the time of a request went");
  expect(text).toMatch(/vulnerable 96 ms, 2 calls per request/);
  expect(text).toContain("live 15m, 899s left at first, replaced 5m before their end");
  // Of 96 ms: 2 in DNS.
  expect(text).toMatch(/2 86 ms 2 ms 2\.08 %/);
});

test("an arm far above others that differ has its bar cut", () => {
  const arms = Object.entries({ control: 0, vulnerable: 86, "fixed-prestop": 2_000 }).map(([arm, ms]) => {
    const observations = looks(BASE, arm, ms > 0, ms);
    return [arm, { ...(BASE.arms[arm] as ArmRecord), observations }];
  });
  const run = { ...RUN, arms: Object.fromEntries(arms) };
  expect(htmlReport(run, judge(run)).match(/class="cut"/g)).toHaveLength(2);
  expect(PAGE).not.toContain('class="cut"');
});

test("each arm shows its calls over time, and the sweep is a table", () => {
  expect([...PAGE.matchAll(/Metadata calls per second of arm/g)]).toHaveLength(6);
  expect(text).toContain("Which client asks when");
  expect(text).toMatch(/java-1\.11\.550 0 \/ 0 2 \/ 2/);
  expect(text).toMatch(/go-2 0 \/ 0 2 without credentials/);
});

test("no coordinate is a NaN, and a run without looks says nothing of them", () => {
  expect(PAGE).not.toMatch(/NaN|Infinity|undefined/);
  const empty = Object.entries(RUN.arms).map(([arm, record]) => [arm, { ...record, observations: [] }]);
  const run = { ...RUN, arms: Object.fromEntries(empty) };
  expect(htmlReport(run, judge(run))).not.toMatch(/NaN|Which client asks when|Where the time of a request went/);
});
