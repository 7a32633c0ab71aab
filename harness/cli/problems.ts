/** Bad input, all of it at once, in one form for people and one for machines. */
import type { Problem } from "../types.ts";

export function printProblems(file: string, problems: readonly Problem[], json: boolean): void {
  if (json) process.stdout.write(`${JSON.stringify({ file, problems })}\n`);
  const word = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  process.stderr.write(`${file}: ${word}, nothing was touched\n`);
  for (const { path, message } of problems) process.stderr.write(`  ${path}: ${message}\n`);
}
