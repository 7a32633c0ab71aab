/** One row for each arm, in the words that terminal, Markdown and page share. */
import type { ArmVerdict, RunRecord, RunVerdict } from "../types.ts";
import { type ArmStatistics, compareArms } from "../verdict/compare.ts";
import { count, milliseconds, percent } from "../verdict/words.ts";
import { armColumns, type Cell, NONE } from "./arm-columns.ts";

export interface ArmRow {
  readonly arm: ArmVerdict;
  readonly figures: ArmStatistics;
  /** "820 of 9,000 (9.11 %)" */
  readonly failed: string;
  readonly p50: string;
  readonly p99: string;
  /** What the experiment's probes add, in the same order in every row. */
  readonly more: readonly (Cell & { readonly title: string })[];
}

export function armRows(run: RunRecord, verdict: RunVerdict): readonly ArmRow[] {
  const statistics = new Map(compareArms(run).map((row) => [row.arm, row]));
  const columns = armColumns(run);
  return verdict.arms.flatMap((arm) => {
    const figures = statistics.get(arm.name);
    if (figures === undefined) return [];
    return [
      {
        arm,
        figures,
        failed: failedText(figures),
        p50: latencyText(figures.p50Ms),
        p99: latencyText(figures.p99Ms),
        more: columns.map(({ title, of }) => ({ title, ...of(arm) })),
      },
    ];
  });
}

/** A latency, or what stands for it where none could be measured. */
function latencyText(ms: number): string {
  if (Number.isNaN(ms)) return NONE;
  return Number.isFinite(ms) ? milliseconds(ms) : "dropped";
}

function failedText({ ratio, bad, samples }: ArmStatistics): string {
  if (ratio === null) return NONE;
  const share = bad === 0 ? "" : ` (${percent(ratio)})`;
  return `${count(bad)} of ${count(samples)}${share}`;
}

/** What failed, p50 and p99 are of. */
export function figuresNote(one: string): string {
  const latency =
    one === "request" ? "latency counts from the intended start" : `latency counts from the first act of a ${one}`;
  return `Failed, p50 and p99 are of the fault phase; ${latency}.`;
}
