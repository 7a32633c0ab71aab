import { describe, expect, it, test } from "vitest";
import { syntheticCascade } from "../../../testing/synthetic-cascade.ts";
import { judge } from "../../../verdict/judge.ts";
import { markdownReport } from "../../markdown.ts";
import { htmlReport } from "../page.ts";
import { shortName } from "./node-lanes.ts";

const RUN = syntheticCascade();
const VERDICT = judge(RUN);
const PAGE = htmlReport(RUN, VERDICT);
const text = PAGE.replace(/<(script|style)[^>]*>.*?<\/\1>/gs, " ").replace(/<[^>]+>/g, " ");

describe("the page of a cascade", () => {
  it("shows what became of the nodes of each arm, beside what the clients saw", () => {
    expect(text).toContain("2 nodes down, all back after");
    expect(text).toMatch(/no node down, at most 33\.\d+ % on one/);
    expect(text).toContain("1 rollout hangs");
    expect(text).toContain("at its cap of 0.5 CPUs in 97 % of the time");
  });

  it("tells which node went down and when, and why a pod waited", () => {
    expect(PAGE).toMatch(/faultline-5f2c-worker2<\/th><td class="number" data-title="Not Ready">40 s/);
    expect(text).toContain("0/4 nodes are available: 3 node(s) didn&#39;t match pod anti-affinity rules");
  });

  it("has a drawing of every node in both layouts, and no place that is none", () => {
    const lanes = PAGE.match(/class="node-track"/g) ?? [];
    // Three nodes, two layouts, four arms, once side by side and once each for itself.
    expect(lanes).toHaveLength(3 * 2 * 4 * 2);
    expect(PAGE).not.toMatch(/NaN|Infinity|undefined/);
  });

  it("is there where a run was cut short", () => {
    const arms = { ...RUN.arms, vulnerable: { requests: null, upstream: null, observations: [] } };
    const torn = { ...RUN, arms, journal: RUN.journal.slice(0, 30) };
    expect(htmlReport(torn, judge(torn))).not.toMatch(/NaN|Infinity|undefined/);
  });
});

test("the table of the arms has the cascade in figures", () => {
  const row = (arm: string) =>
    markdownReport(RUN, VERDICT)
      .split("\n")
      .find((line) => line.includes(` ${arm} |`)) ?? "";
  expect(row("vulnerable")).toMatch(/\| 2 \| 100 % \| 31\.6 s \| – \|$/);
  expect(row("fixed-prestop")).toMatch(/\| 0 \| 33 % \| – \| – \|$/);
  expect(row("wrong-fix-grace")).toMatch(/\| hangs \|$/);
});

test.each([
  [["a-worker", "a-worker2"], "a-worker2", "worker2"],
  [["x-y-worker", "x-y-worker2", "x-y-worker3"], "x-y-worker", "worker"],
  [["one", "two"], "two", "two"],
  [["ip-10-0-1-7"], "ip-10-0-1-7", "7"],
])("of %j the node %s is %s for short", (nodes, node, short) => {
  expect(shortName(node, nodes)).toBe(short);
});
