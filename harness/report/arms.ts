/** One row for each arm, in the words that terminal and Markdown share. */
import type { ArmVerdict, RunRecord, RunVerdict } from "../types.ts";
import { type ArmStatistics, compareArms } from "../verdict/compare.ts";
import { count, milliseconds, percent } from "../verdict/words.ts";
import { terminationFigures } from "./facts.ts";

export interface ArmRow {
  readonly arm: ArmVerdict;
  readonly figures: ArmStatistics;
  /** "820 of 9,000 (9.11 %)" */
  readonly failed: string;
  readonly p50: string;
  readonly p99: string;
  readonly pods: string;
  readonly afterClose: string;
  /** "5.2 s" */
  readonly preStop: string;
}

const NONE = "–";

export function armRows(run: RunRecord, verdict: RunVerdict): readonly ArmRow[] {
  const statistics = new Map(compareArms(run).map((row) => [row.arm, row]));
  return verdict.arms.flatMap((arm) => {
    const figures = statistics.get(arm.name);
    if (figures === undefined) return [];
    const pods = terminationFigures(arm.terminations);
    return [
      {
        arm,
        figures,
        failed: failedText(figures),
        p50: latencyText(figures.p50Ms),
        p99: latencyText(figures.p99Ms),
        pods: count(pods.pods),
        afterClose: pods.pods === 0 ? NONE : count(pods.requestsAfterClose),
        preStop: pods.preStopNeededMs === null ? NONE : milliseconds(pods.preStopNeededMs),
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
