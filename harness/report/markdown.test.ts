import { expect, test } from "vitest";
import { syntheticRun } from "../testing/synthetic-run.ts";
import { judge } from "../verdict/judge.ts";
import { markdownReport } from "./markdown.ts";

const RUN = syntheticRun({ arms: ["control", "vulnerable"], terminations: 3, ratePerSecond: 40 });

test("verdict, a row for each arm, and how to repeat it", () => {
  const text = markdownReport(RUN, judge(RUN));
  expect(text).toContain("# termination-lag: held");
  expect(text).toContain("All 2 arms came out as expected.");
  const rows = text.split("\n").filter((line) => line.startsWith("|"));
  expect(rows).toHaveLength(4);
  expect(new Set(rows.map((row) => row.split("|").length)).size).toBe(1);
  expect(rows[2]).toMatch(/^\| ✓ control \| held \| held \| 0 of 1,200 \|/);
  expect(rows[3]).toMatch(
    /^\| ✓ vulnerable \| violated \| violated \| \d+ of [\d,]+ \([\d.]+ %\) \|.*\| 3 \| \d+ \| 5\.\d+ s \|$/,
  );
  expect(text).toContain(
    "\n```sh\nfaultline run experiments/termination-lag.experiment.ts --size full --seed 7\n```\n",
  );
});

test("recorded text cannot become markup", () => {
  const hostile = { ...RUN, plan: { ...RUN.plan, hypothesis: "a | b <img src=x> [c](d)\n# e" } };
  const text = markdownReport(hostile, judge(hostile));
  expect(text).toContain("> a \\| b \\<img src=x\\> \\[c\\](d) # e");
});
