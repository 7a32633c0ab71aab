/**
 * What SLOs are judged by: the requests of the load, or what a probe saw of each job, in the same columns. A job is a
 * request that a pod makes for itself: intended and started at its first act, ended when it had its answer.
 */
import type { ArmRecord, Plan, ProbeSpec, RequestColumns } from "../types.ts";

export interface Samples {
  readonly columns: RequestColumns;
  /** One of them, as a noun: "request". */
  readonly one: string;
}

type Yield = (probe: string, record: ArmRecord) => Samples;
/** null: no samples come of it. As `YIELDS_SAMPLES` says to definitions. */
const OF_PROBES: Readonly<Record<ProbeSpec["kind"], Yield | null>> = {
  "pod-terminations": null,
};

/** @returns null where nothing was recorded. */
export function samplesOf({ probes }: Pick<Plan, "probes">, record: ArmRecord, over: string): Samples | null {
  if (over === "load") return record.requests === null ? null : { columns: record.requests, one: "request" };
  const kind = probes[over]?.kind;
  return kind === undefined ? null : (OF_PROBES[kind]?.(over, record) ?? null);
}

/** What the arms are compared by: the load, or without one what the first SLO is over. */
export function mainSamples(plan: Plan, record: ArmRecord): Samples | null {
  return samplesOf(plan, record, plan.loadScript === null ? (plan.slos[0]?.over ?? "load") : "load");
}
