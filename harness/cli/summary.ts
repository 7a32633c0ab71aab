/** What a person sees of a verdict, and what a program reads. */
import { terminalSummary } from "../report/terminal.ts";
import type { RunRecord, RunVerdict } from "../types.ts";

export function printSummary(record: RunRecord, verdict: RunVerdict): void {
  const { isTTY, columns = 120 } = process.stderr;
  process.stderr.write(`${terminalSummary(record, verdict, { colour: isTTY === true, width: columns })}\n`);
}

/** One line of JSON on stdout. */
export function printVerdict(verdict: RunVerdict): void {
  process.stdout.write(`${JSON.stringify(verdict)}\n`);
}
