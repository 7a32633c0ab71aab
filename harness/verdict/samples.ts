/**
 * What SLOs are judged by: the requests of the load, or what a probe saw of each job, in the same columns. A job is a
 * request that a pod makes for itself: intended and started at its first act, ended when it had its answer.
 */
import type { ArmRecord, Plan, ProbeSpec, RequestColumns, TextColumn } from "../types.ts";
import { gotWrongRole, type Job, jobsOf } from "./jobs.ts";

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
  "pod-identity": { one: "job", columnsOf: jobColumns },
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

/** The wrong role is as bad as none; what was removed before it had an answer is neither good nor bad. */
function jobColumns(probe: string, { observations }: ArmRecord): RequestColumns {
  const { jobs } = jobsOf(probe, observations);
  const errorOf = (job: Job) => (job.outcome === null ? "interrupted" : gotWrongRole(job) ? "wrong role" : job.error);
  const begins = Float64Array.from(jobs, ({ firstActMs }) => firstActMs);
  return {
    length: jobs.length,
    intendedMs: begins,
    startMs: begins,
    endMs: Float64Array.from(jobs, ({ answeredMs, endMs }) => answeredMs ?? endMs),
    status: Uint16Array.from(jobs, ({ status }) => status),
    error: texts(jobs.map(errorOf)),
    method: texts(jobs.map(() => "GET")),
    name: texts(jobs.map(() => "credentials")),
    pod: texts(jobs.map(({ pod }) => pod)),
    connection: texts(jobs.map(() => "new")),
  };
}

function texts(rows: readonly string[]): TextColumn {
  const values = [...new Set(rows)];
  const codes = new Map(values.map((value, code) => [value, code]));
  return { values, codes: Uint16Array.from(rows, (text) => codes.get(text) ?? 0) };
}

const mainOf = ({ loadScript, slos }: Plan) => (loadScript === null ? (slos[0]?.over ?? "load") : "load");

function yieldOf(probes: Plan["probes"], over: string): Yield | null {
  const kind = probes[over]?.kind;
  return kind === undefined ? null : OF_PROBES[kind];
}
