/** What went wrong, in one form for people and one for machines. */
import type { Problem } from "../types.ts";

export function printProblems(file: string, problems: readonly Problem[], json: boolean): void {
  if (json) process.stdout.write(`${JSON.stringify({ file, problems })}\n`);
  const word = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  process.stderr.write(`${file}: ${word}, nothing was touched\n`);
  for (const { path, message } of problems) process.stderr.write(`  ${path}: ${message}\n`);
}

/** A report that could not be written changes no verdict, and is not passed over either. */
export function printReportFailures(failures: readonly { readonly file: string; readonly message: string }[]): void {
  for (const { file, message } of failures) {
    process.stderr.write(`faultline: ${file} could not be written: ${message}\n`);
  }
}
