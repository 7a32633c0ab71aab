/** What follows a run: the verdict and the reports, from its folder alone. */
import { relative } from "node:path";
import { writeReports } from "../report/reporter.ts";
import { readRun } from "../run/read-run.ts";
import type { RunFolder } from "../run/run-folder.ts";
import type { RunVerdict } from "../types.ts";
import { judge } from "../verdict/judge.ts";
import { EXIT_INTERNAL } from "./main.ts";
import { printReportFailures } from "./problems.ts";
import { printSummary, printVerdict } from "./summary.ts";

/** @returns the exit code. */
export async function judgeAndReport(folder: RunFolder, json: boolean): Promise<number> {
  const record = await readRun(folder);
  const verdict: RunVerdict = judge(record);
  const { written, failures } = await writeReports(folder.path, record, verdict);
  printSummary(record, verdict);
  for (const path of written) process.stderr.write(`  ${relative(process.cwd(), path)}\n`);
  printReportFailures(failures);
  if (json) printVerdict(verdict);
  return failures.length > 0 && verdict.exitCode === 0 ? EXIT_INTERNAL : verdict.exitCode;
}
