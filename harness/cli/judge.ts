/** `faultline judge`: the verdict of a run again, from its folder alone. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { terminalSummary } from "../report/terminal.ts";
import { readRun } from "../run/read-run.ts";
import { runFolder } from "../run/run-folder.ts";
import { judge } from "../verdict/judge.ts";

export async function judgeCommand(path: string, options: { readonly json: boolean }): Promise<number> {
  const record = await readRun(runFolder(path));
  const verdict = judge(record);
  writeFileSync(join(path, "verdict.json"), `${JSON.stringify(verdict, null, 2)}\n`);
  const terminal = process.stderr.isTTY === true;
  process.stderr.write(
    `${terminalSummary(record, verdict, { colour: terminal, width: process.stderr.columns ?? 120 })}\n`,
  );
  if (options.json) process.stdout.write(`${JSON.stringify(verdict)}\n`);
  return verdict.exitCode;
}
