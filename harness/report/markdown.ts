/** A short report for a pull request's comment or a chat. */
import type { RunRecord, RunVerdict } from "../types.ts";
import { mainNoun } from "../verdict/samples.ts";
import { milliseconds } from "../verdict/words.ts";
import { armRows, figuresNote } from "./arms.ts";
import { runDurationMs, startedAt } from "./facts.ts";

export function markdownReport(run: RunRecord, verdict: RunVerdict): string {
  const rows = armRows(run, verdict);
  const cells = rows.map((row) => [
    `${row.arm.asExpected ? "✓" : "✗"} ${row.arm.name}`,
    row.arm.verdict,
    row.arm.expected,
    row.failed,
    row.p50,
    row.p99,
    ...row.more.map(({ text }) => text),
  ]);
  const added = rows[0]?.more.map(({ title }) => title) ?? [];
  const head = ["Arm", "Verdict", "Expected", "Failed", "p50", "p99", ...added];
  const lines = [
    `# ${verdict.experiment}: ${verdict.verdict}`,
    "",
    `> ${escapeMarkdown(verdict.hypothesis)}`,
    "",
    escapeMarkdown(verdict.because),
    "",
    `Run \`${verdict.runId}\`, size ${run.plan.size}, seed ${run.plan.seed}, ${startedAt(run)}, took ${milliseconds(runDurationMs(run))}, exit code ${verdict.exitCode}.`,
    "",
    tableRow(head),
    tableRow(head.map((_, column) => (column < 3 ? ":--" : "--:"))),
    ...cells.map((row) => tableRow(row.map(escapeMarkdown))),
    "",
    ...rows.map((row) => `- **${escapeMarkdown(row.arm.name)}** (${row.arm.role}): ${escapeMarkdown(row.arm.because)}`),
    "",
    ...verdict.models.flatMap((model) => [escapeMarkdown(model), ""]),
    figuresNote(mainNoun(run.plan)),
    "",
    "Repeat:",
    "",
    "```sh",
    run.plan.repeat,
    "```",
    "",
  ];
  return lines.join("\n");
}

function tableRow(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

/** Text that must not turn into markup or end a table's cell. */
function escapeMarkdown(text: string): string {
  return text.replace(/[\\`*_[\]<>|]/g, (char) => `\\${char}`).replace(/\s*\n\s*/g, " ");
}
