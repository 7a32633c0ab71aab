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

interface Yield {
  readonly one: string;
  readonly columnsOf: (probe: string, record: ArmRecord) => RequestColumns;
}
/** null: no samples come of it. As `YIELDS_SAMPLES` says to definitions. */
const OF_PROBES: Readonly<Record<ProbeSpec["kind"], Yield | null>> = {
  "pod-terminations": null,
  "imds-calls": null,
  "credential-sweep": null,
  placement: null,
};

/** @returns null where nothing was recorded. */
export function samplesOf({ probes }: Pick<Plan, "probes">, record: ArmRecord, over: string): Samples | null {
  if (over === "load") return record.requests === null ? null : { columns: record.requests, one: "request" };
  const given = yieldOf(probes, over);
  return given === null ? null : { columns: given.columnsOf(over, record), one: given.one };
}

/** What the arms are compared by: the load, or without one what the first SLO is over. */
export function mainSamples(plan: Plan, record: ArmRecord): Samples | null {
  return samplesOf(plan, record, mainOf(plan));
}

/** One of those samples, as a noun. */
export function mainNoun(plan: Plan): string {
  return yieldOf(plan.probes, mainOf(plan))?.one ?? "request";
}

const mainOf = ({ loadScript, slos }: Plan) => (loadScript === null ? (slos[0]?.over ?? "load") : "load");

function yieldOf(probes: Plan["probes"], over: string): Yield | null {
  const kind = probes[over]?.kind;
  return kind === undefined ? null : OF_PROBES[kind];
}
