/**
 * Jobs whose first act is to ask for credentials, each put together from its own log (first act, answer), a watch of its
 * pod (address, end) and its annotation (the role that it should get).
 */
import type { Json, Observation } from "../types.ts";

export interface Job {
  readonly pod: string;
  readonly node: string | null;
  readonly ip: string | null;
  readonly firstActMs: number;
  /** When a watch saw its address; null: never. */
  readonly addressMs: number | null;
  /** When it had its credentials, or had given up; null: neither before it was removed. */
  readonly answeredMs: number | null;
  readonly outcome: "credentials" | "no-credentials" | null;
  /** Of the last answer; 0: none came. */
  readonly status: number;
  /** Why there was no answer; "" otherwise. */
  readonly error: string;
  readonly attempts: number;
  readonly expectedRole: string | null;
  readonly role: string | null;
  /** When it was deleted, or else the end of the record. */
  readonly endMs: number;
}
export interface Jobs {
  /** In the order of their first acts. */
  readonly jobs: readonly Job[];
  /** Pods of which no first act is known: they never began, or nobody read their log. */
  readonly unheard: number;
  /** Jobs that are left out because a watch was blind between first act and address. */
  readonly blind: number;
}

/** A role is looked for at most this long by kube2iam (backoff.MaxElapsedTime): what is later is refused. ms */
export const KUBE2IAM_PATIENCE_MS = 2_000;

/** What a probe saw of its jobs. */
export function jobsOf(probe: string, observations: readonly Observation[]): Jobs {
  const seen = observations.filter((o) => o.probe === probe);
  const lastMs = observations.reduce((last, o) => Math.max(last, o.t), 0);
  const traces = new Map<string, Trace>();
  for (const o of seen) {
    if (o.type !== "pod" && o.type !== "app" && o.type !== "identity") continue;
    const trace = traces.get(o.pod) ?? {};
    traces.set(o.pod, trace);
    see(trace, o);
  }
  const all = [...traces].flatMap(([pod, trace]) => jobOf(pod, trace, lastMs));
  const gaps = seen.flatMap((o) => (o.type === "gap" ? [o] : []));
  const isBlind = (job: Job) =>
    gaps.some((gap) => gap.fromT <= (job.addressMs ?? job.endMs) && gap.t >= job.firstActMs);
  const jobs = all.filter((job) => !isBlind(job)).sort((a, b) => a.firstActMs - b.firstActMs);
  return { jobs, unheard: traces.size - all.length, blind: all.length - jobs.length };
}

/** From the first act to the address; where it never came, the time that the job lived: it took longer than that. ms */
export function addressDelayMs(job: Job): number {
  return Math.max(0, (job.addressMs ?? job.endMs) - job.firstActMs);
}

/** Those that are known, ascending: the address came, or the job lived long enough to be called late. */
export function addressDelaysOf(jobs: readonly Job[]): readonly number[] {
  return jobs
    .filter((job) => job.addressMs !== null || addressDelayMs(job) > KUBE2IAM_PATIENCE_MS)
    .map(addressDelayMs)
    .sort((a, b) => a - b);
}

export function gotWrongRole({ outcome, role, expectedRole }: Job): boolean {
  return outcome === "credentials" && role !== expectedRole;
}

/** The metadata proxy sees an address by a watch of its own, and tells what it saw a moment ago. ms */
const WATCH_SKEW_MS = 500;

/** It was turned away, and its address was not there before: the cause that the story is about. */
export function wasRefusedBeforeAddress({ outcome, answeredMs, addressMs }: Job): boolean {
  if (outcome !== "no-credentials" || answeredMs === null) return false;
  return addressMs === null || addressMs > answeredMs - WATCH_SKEW_MS;
}

interface Trace {
  node?: string;
  ip?: string;
  firstActMs?: number;
  addressMs?: number;
  removedMs?: number;
  role?: string | null;
  answer?: Observation & { readonly type: "app" };
}

function see(trace: Trace, o: Observation & { readonly type: "pod" | "app" | "identity" }): void {
  if (o.type === "identity") trace.role = o.role;
  else if (o.type === "app") {
    if (o.event === "first-act") trace.firstActMs ??= o.t;
    if (o.event === "credentials" || o.event === "no-credentials") trace.answer ??= o;
  } else {
    if (o.node !== null) trace.node ??= o.node;
    if (o.ip !== null) trace.ip ??= o.ip;
    if (o.event === "address") trace.addressMs ??= o.t;
    if (o.event === "deleting" || o.event === "gone") trace.removedMs ??= o.t;
  }
}

function jobOf(pod: string, trace: Trace, lastMs: number): readonly Job[] {
  if (trace.firstActMs === undefined) return [];
  const { answer } = trace;
  const detail = answer?.detail ?? {};
  const event = answer?.event;
  return [
    {
      pod,
      node: trace.node ?? null,
      ip: trace.ip ?? null,
      firstActMs: trace.firstActMs,
      addressMs: trace.addressMs ?? null,
      answeredMs: answer?.t ?? null,
      outcome: event === "credentials" || event === "no-credentials" ? event : null,
      status: numberOf(detail.status),
      error: textOf(detail.error) ?? "",
      attempts: numberOf(detail.attempts),
      expectedRole: trace.role ?? null,
      role: textOf(detail.role),
      endMs: trace.removedMs ?? lastMs,
    },
  ];
}

const numberOf = (value: Json | undefined): number => (typeof value === "number" ? value : 0);
const textOf = (value: Json | undefined): string | null => (typeof value === "string" ? value : null);
