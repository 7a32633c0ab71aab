/** The arms side by side: failure ratio and latency of every request, each against the vulnerable arm. */
import type { PlannedArm, RunRecord } from "../types.ts";
import { type BadRun, summarise } from "./requests.ts";
import { mainSamples } from "./samples.ts";
import { differenceInterval, fisherExact, type Interval, percentile, ratioInterval } from "./statistics.ts";
import { phaseWindows } from "./windows.ts";

/** Figures of the fault phase, the same span of time in a control. */
export interface ArmStatistics {
  readonly arm: string;
  readonly samples: number;
  readonly bad: number;
  readonly interrupted: number;
  readonly kinds: readonly { readonly kind: string; readonly count: number }[];
  /** null: no samples. */
  readonly ratio: number | null;
  /** 95 % interval of the ratio. */
  readonly interval: Interval;
  /** ms from the intended start; infinite when it falls on a dropped start, NaN without samples. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly badRun: BadRun | null;
  /** null: this is the vulnerable arm, or there is none. */
  readonly againstVulnerable: Comparison | null;
}
interface Comparison {
  readonly arm: string;
  /** Failure ratio of this arm − of the vulnerable arm. */
  readonly difference: number;
  readonly interval: Interval;
  /** Fisher's exact test, two-sided. */
  readonly pValue: number;
  readonly p99DifferenceMs: number;
}

/** One row for each arm, in the plan's order. */
export function compareArms(run: RunRecord): readonly ArmStatistics[] {
  const rows = run.plan.arms.map((arm) => ({ arm, figures: figuresOf(run, arm) }));
  const reference = rows.find(({ arm }) => arm.role === "vulnerable")?.figures;
  return rows.map(({ arm, figures }) => {
    const isReference = reference === undefined || reference.arm === arm.name;
    return { ...figures, againstVulnerable: isReference ? null : comparison(figures, reference) };
  });
}

type Figures = Omit<ArmStatistics, "againstVulnerable">;

function figuresOf(run: RunRecord, arm: PlannedArm): Figures {
  const record = run.arms[arm.name];
  const requests = record === undefined ? null : (mainSamples(run.plan, record)?.columns ?? null);
  const window = phaseWindows(run, arm.name).fault;
  const summary = requests === null || window === null ? null : summarise(requests, window);
  const [samples, bad] = [summary?.samples ?? 0, summary?.bad ?? 0];
  return {
    arm: arm.name,
    samples,
    bad,
    interrupted: summary?.interrupted ?? 0,
    kinds: summary?.kinds ?? [],
    ratio: samples === 0 ? null : bad / samples,
    interval: ratioInterval(bad, samples),
    p50Ms: percentile(summary?.latencies ?? [], 50),
    p99Ms: percentile(summary?.latencies ?? [], 99),
    badRun: summary?.badRun ?? null,
  };
}

function comparison(figures: Figures, reference: Figures): Comparison | null {
  if (figures.ratio === null || reference.ratio === null) return null;
  return {
    arm: reference.arm,
    difference: figures.ratio - reference.ratio,
    interval: differenceInterval(figures.bad, figures.samples, reference.bad, reference.samples),
    pValue: fisherExact(figures.bad, figures.samples, reference.bad, reference.samples),
    p99DifferenceMs: figures.p99Ms - reference.p99Ms,
  };
}
