/** `faultline report`: a run's reports again, from its folder alone. Exits 0 when they were written, whatever they say. */

import { writeReports } from "../report/reporter.ts";
import { readRun } from "../run/read-run.ts";
import { runFolder } from "../run/run-folder.ts";
import { judge } from "../verdict/judge.ts";
import { EXIT_INTERNAL } from "./main.ts";
import { printReportFailures } from "./problems.ts";

export async function reportCommand(path: string, options: { readonly json: boolean }): Promise<number> {
  const record = await readRun(runFolder(path));
  const { written, failures } = await writeReports(path, record, judge(record));
  if (options.json) process.stdout.write(`${JSON.stringify({ written, failures })}\n`);
  else for (const one of written) process.stdout.write(`${one}\n`);
  printReportFailures(failures);
  return failures.length > 0 ? EXIT_INTERNAL : 0;
}
