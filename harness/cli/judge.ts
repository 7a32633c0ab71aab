/** `faultline judge`: the verdict of a run again, from its folder alone. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { readRun } from "../run/read-run.ts";
import { runFolder } from "../run/run-folder.ts";
import { judge } from "../verdict/judge.ts";
import { printSummary, printVerdict } from "./summary.ts";

export async function judgeCommand(path: string, options: { readonly json: boolean }): Promise<number> {
  const record = await readRun(runFolder(path));
  const verdict = judge(record);
  writeFileSync(join(path, "verdict.json"), `${JSON.stringify(verdict, null, 2)}\n`);
  printSummary(record, verdict);
  if (options.json) printVerdict(verdict);
  return verdict.exitCode;
}
