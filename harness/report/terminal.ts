/** What a person reads when the run has ended. */
import type { RunRecord, RunVerdict, Verdict } from "../types.ts";
import { mainNoun } from "../verdict/samples.ts";
import { NONE } from "./arm-columns.ts";
import { type ArmRow, armRows, figuresNote } from "./arms.ts";

export interface TerminalOptions {
  /** ANSI colours. */
  readonly colour: boolean;
  /** Columns of the terminal. */
  readonly width: number;
}

type Paint = (text: string, style: keyof typeof ANSI) => string;
const ANSI = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 } as const;
const VERDICT_STYLE: Readonly<Record<Verdict, keyof typeof ANSI>> = {
  held: "green",
  violated: "red",
  inconclusive: "yellow",
};
interface Column {
  readonly title: string;
  readonly right: boolean;
  readonly text: (row: ArmRow) => string;
}
/** In the order in which they give way on a narrow terminal, last first; after them what the probes add. */
const COLUMNS: readonly Column[] = [
  { title: "arm", right: false, text: ({ arm }) => arm.name },
  { title: "verdict", right: false, text: ({ arm }) => arm.verdict },
  { title: "expected", right: false, text: ({ arm }) => arm.expected },
  { title: "failed", right: true, text: (row) => row.failed },
  { title: "p99", right: true, text: (row) => row.p99 },
];
const LAST: readonly Column[] = [{ title: "p50", right: true, text: (row) => row.p50 }];

function columnsOf(rows: readonly ArmRow[]): readonly Column[] {
  const more = rows[0]?.more ?? [];
  const added = more.map(({ title }, index) => ({
    title: title.charAt(0).toLowerCase() + title.slice(1),
    right: true,
    text: (row: ArmRow) => row.more[index]?.text ?? NONE,
  }));
  return [...COLUMNS, ...added, ...LAST];
}
const GAP = "  ";

/** The verdict of the run and of each arm, with the reasons; no line is wider than asked, names and numbers aside. */
export function terminalSummary(run: RunRecord, verdict: RunVerdict, options: TerminalOptions): string {
  const paint: Paint = (text, style) => (options.colour ? `\u001b[${ANSI[style]}m${text}\u001b[0m` : text);
  const width = Math.max(40, options.width);
  const rows = armRows(run, verdict);
  const headline = verdict.exitCode === 3 ? "dirty" : verdict.verdict;
  const style = verdict.exitCode === 3 ? "red" : VERDICT_STYLE[verdict.verdict];
  return [
    "",
    paint(`${verdict.experiment}  ${verdict.runId}  size ${run.plan.size}  seed ${run.plan.seed}`, "dim"),
    ...wrap(verdict.hypothesis, width),
    "",
    ...wrap(`${headline.toUpperCase()}: ${verdict.because}`, width).map((line) => paint(line, style)),
    "",
    ...table(rows, width, paint),
    "",
    ...rows.flatMap((row) => reason(row, width, paint)),
    "",
    ...verdict.models.flatMap((model) => wrap(model, width)).map((line) => paint(line, "dim")),
    paint(figuresNote(mainNoun(run.plan)), "dim"),
    paint(`Again: ${run.plan.repeat}`, "dim"),
    "",
  ].join("\n");
}

function table(rows: readonly ArmRow[], width: number, paint: Paint): readonly string[] {
  const all = columnsOf(rows);
  const sizes = all.map(({ title, text }) => Math.max(title.length, ...rows.map((row) => text(row).length)));
  let shown = all.length;
  const needed = () => 2 + sizes.slice(0, shown).reduce((sum, size) => sum + size + GAP.length, -GAP.length);
  while (shown > 2 && needed() > width) shown--;
  const columns = all.slice(0, shown);
  const line = (cells: readonly string[]) => cells.join(GAP).trimEnd();
  const pad = (text: string, index: number) =>
    columns[index]?.right === true ? text.padStart(sizes[index] ?? 0) : text.padEnd(sizes[index] ?? 0);
  const head = `  ${line(columns.map(({ title }, index) => pad(title, index)))}`;
  const body = rows.map((row) => {
    const mark = row.arm.asExpected ? paint("✓", "green") : paint("✗", "red");
    const cells = columns.map((column, index) => {
      const cell = pad(column.text(row), index);
      return column.title === "verdict" ? paint(cell, VERDICT_STYLE[row.arm.verdict]) : cell;
    });
    return `${mark} ${line(cells)}`;
  });
  return [paint(head, "dim"), ...body];
}

/** Why, for each arm; an arm that did not come out as expected stands out. */
function reason(row: ArmRow, width: number, paint: Paint): readonly string[] {
  const [first = "", ...rest] = wrap(`${row.arm.name}: ${row.arm.because}`, width - 2);
  const lines = [first, ...rest.map((line) => `  ${line}`)];
  return row.arm.asExpected ? lines : lines.map((line) => paint(line, "bold"));
}

/** Breaks at spaces, never between a number and its unit; a word longer than the width stays whole. */
function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+(?!(?:%|ms|s|min|×)(?:\W|$))/)) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return line === "" ? lines : [...lines, line];
}
