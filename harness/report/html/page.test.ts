import { expect, test } from "vitest";
import { jobsRun } from "../../testing/synthetic-jobs.ts";
import { syntheticRun } from "../../testing/synthetic-run.ts";
import type { RunRecord } from "../../types.ts";
import { judge } from "../../verdict/judge.ts";
import { htmlReport } from "./page.ts";

const RUN = syntheticRun({ arms: ["control", "vulnerable", "fixed-prestop"], terminations: 4, ratePerSecond: 25 });
const pageOf = (run: RunRecord) => htmlReport(run, judge(run));
const PAGE = pageOf(RUN);
const textOf = (page: string) => page.replace(/<(script|style)[^>]*>.*?<\/\1>/gs, " ").replace(/<[^>]+>/g, " ");

test("the page names hypothesis, verdict, every arm, check and fault, and how to repeat the run", () => {
  const text = textOf(PAGE);
  for (const part of [
    RUN.plan.hypothesis,
    "The experiment came out as expected",
    RUN.runId,
    RUN.plan.repeat,
    ...RUN.plan.arms.map((arm) => arm.name),
    ...[...RUN.plan.slos, ...RUN.plan.mechanisms].map((check) => check.name),
    "endpoint changes reach the ingress 5 s late",
    "A probe change reached the controller 5038 ms after the API showed it.",
    "14 July 2026, 09:12 UTC",
    "v1.37.2",
  ]) {
    expect(text).toContain(part);
  }
});

test("the page fetches nothing: no address in it, and a policy that forbids it", () => {
  const page = PAGE;
  expect(page).not.toMatch(/https?:\/\//i);
  expect(page).not.toMatch(/\b(?:src|srcset|action|poster)=|@import|url\(/i);
  expect([...page.matchAll(/href="([^"]*)"/g)].every(([, target]) => target?.startsWith("#") === true)).toBe(true);
  expect(page).toContain("default-src &#39;none&#39;");
});

test.each([PAGE, pageOf(jobsRun())])("elements are balanced, in HTML and SVG", (page) => {
  const body = page.replace(/<(script|style)[^>]*>.*?<\/\1>/gs, "");
  const open: string[] = [];
  for (const [, closing, name = "", rest = ""] of body.matchAll(/<(\/?)([a-z][\w-]*)([^>]*)>/gi)) {
    if (closing === "/") expect(open.pop()).toBe(name);
    else if (!rest.endsWith("/") && name !== "meta") open.push(name);
  }
  expect(open).toEqual([]);
});

test("no coordinate is a NaN or infinite, whatever the run holds", () => {
  for (const page of [PAGE, pageOf(jobsRun()), ...tornRuns().map(pageOf)])
    expect(page).not.toMatch(/NaN|Infinity|undefined|null ms/);
});

test("jobs before their address is known have a picture of all arms, and one and a table in each", () => {
  const page = pageOf(jobsRun());
  const text = textOf(page);
  for (const part of [
    "From first act to address, in each arm",
    "27 of 40 not served",
    "all 40 served",
    "When the address of each job was known",
    "A call of the kubelet waits for its turn",
    "The numbers of 40 jobs",
    "Failed jobs, 95 % interval",
    "A call waits",
    "latency counts from the first act of a job",
  ]) {
    expect(text).toContain(part);
  }
  expect(text).not.toMatch(/No requests were recorded|Requests after close|preStop/);
  expect(page.match(/class="j-refused" d="/g)?.length).toBeGreaterThan(2);
});

test("recorded text cannot become markup", () => {
  const hostile = "</script><img src=x onerror=alert(1)>";
  const [arm, ...others] = RUN.plan.arms;
  const run = {
    ...RUN,
    plan: { ...RUN.plan, hypothesis: hostile, repeat: hostile, arms: [{ ...arm, because: hostile }, ...others] },
    journal: [...RUN.journal, { t: 1, type: "invalid", arm: "control", because: hostile }],
  } as RunRecord;
  const page = pageOf(run);
  expect(page).not.toContain("<img");
  expect(page).toContain("&#60;img");
});

test("the size does not follow the number of requests", () => {
  const small = pageOf(syntheticRun({ arms: ["vulnerable"], terminations: 2, ratePerSecond: 40 })).length;
  const large = pageOf(syntheticRun({ arms: ["vulnerable"], terminations: 2, ratePerSecond: 500 })).length;
  expect(large).toBeLessThan(small * 2);
});

test("a run that proves nothing says so first, and a dirty cluster before that", () => {
  const [unproven] = tornRuns();
  expect(textOf(pageOf(unproven as RunRecord))).toContain("The experiment proves nothing yet");
  const dirty = { ...RUN, journal: RUN.journal.filter((e) => !(e.type === "fault" && e.state === "reverted")) };
  expect(textOf(pageOf(dirty))).toContain("The cluster was left dirty");
});

/** Runs of which something is missing. */
function tornRuns(): readonly RunRecord[] {
  const cut = RUN.journal.findIndex((e) => e.type === "phase" && e.arm === "vulnerable" && e.edge === "end");
  const observations = (run: RunRecord, name: string) => run.arms[name]?.observations ?? [];
  const vulnerable = RUN.arms.vulnerable as NonNullable<RunRecord["arms"][string]>;
  return [
    { ...RUN, journal: RUN.journal.slice(0, cut + 2) },
    { ...RUN, journal: RUN.journal.slice(0, 1) },
    { ...RUN, arms: {} },
    { ...RUN, arms: { ...RUN.arms, vulnerable: { ...vulnerable, upstream: null } } },
    {
      ...RUN,
      arms: {
        ...RUN.arms,
        vulnerable: { ...vulnerable, observations: observations(RUN, "vulnerable").filter((o) => o.type !== "app") },
      },
    },
    { ...RUN, plan: { ...RUN.plan, arms: [] } },
    ...tornJobs(),
  ];
}

function tornJobs(): readonly RunRecord[] {
  const run = jobsRun();
  const only = (keep: (type: string) => boolean): RunRecord => ({
    ...run,
    arms: Object.fromEntries(
      Object.entries(run.arms).map(([name, record]) => [
        name,
        { ...record, observations: record.observations.filter((o) => keep(o.type)) },
      ]),
    ),
  });
  return [
    only((type) => type !== "kubelet"),
    only((type) => type !== "app"),
    only((type) => type !== "pod"),
    only(() => false),
  ];
}
