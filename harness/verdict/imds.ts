/** What the probes of the metadata service saw, put together over a window. Pure. */
import type { ArmRecord, Observation } from "../types.ts";
import { outcomeOf } from "./requests.ts";
import type { Window } from "./windows.ts";

type Calls = Readonly<Record<string, number>>;
type Seen<T extends Observation["type"]> = Observation & { readonly type: T };

export function seen<T extends Observation["type"]>(record: ArmRecord, probe: string, type: T): readonly Seen<T>[] {
  return record.observations.filter((one): one is Seen<T> => one.type === type && one.probe === probe);
}

/** Calls and requests between the first and the last look of a window. */
export interface CallSpan {
  readonly fromMs: number;
  readonly toMs: number;
  /** Of the load, started in between. */
  readonly requests: number;
  readonly byCall: Calls;
  readonly calls: number;
  /** A mock began to count anew, so that some calls are missing. */
  readonly restarted: boolean;
}

/** @returns null where fewer than two looks fell into the window. */
export function callsIn(record: ArmRecord, probe: string, window: Window): CallSpan | null {
  const looks = seen(record, probe, "imds-calls").filter(({ t }) => t >= window.beginMs && t <= window.endMs);
  const [first, last] = [looks[0], looks.at(-1)];
  if (first === undefined || last === undefined || first === last) return null;
  let restarted = false;
  const byCall: Record<string, number> = {};
  for (const [index, look] of looks.entries()) {
    for (const { kind, more } of sinceLook(looks[index - 1]?.calls ?? look.calls, look.calls)) {
      if (more < 0) restarted = true;
      else byCall[kind] = (byCall[kind] ?? 0) + more;
    }
  }
  const calls = Object.values(byCall).reduce((sum, one) => sum + one, 0);
  return { fromMs: first.t, toMs: last.t, requests: startedIn(record, first.t, last.t), byCall, calls, restarted };
}

/** How many calls more each pod had made, by kind; a pod that is new has made all of its own since. */
export function sinceLook(before: Readonly<Record<string, Calls>>, after: Readonly<Record<string, Calls>>) {
  return Object.entries(after).flatMap(([pod, calls]) =>
    Object.entries(calls).map(([kind, count]) => ({ kind, more: count - (before[pod]?.[kind] ?? 0) })),
  );
}

function startedIn({ requests }: ArmRecord, fromMs: number, toMs: number): number {
  if (requests === null) return 0;
  let count = 0;
  for (let row = 0; row < requests.length; row++) {
    const at = requests.startMs[row] ?? 0;
    if (at >= fromMs && at < toMs && outcomeOf(requests, row) !== "dropped") count++;
  }
  return count;
}

/** Where the time of the requests went, as the services themselves say. */
export interface TimeSpent {
  readonly requests: number;
  /** Milliseconds a request, by what it went to. */
  readonly perRequest: Readonly<Record<string, number>>;
}

/** @returns null where nobody said. Pods that began or ended in the window count from or to what was seen of them. */
export function timeSpentIn(record: ArmRecord, probe: string, window: Window): TimeSpent | null {
  const looks = seen(record, probe, "time-spent").filter(({ t }) => t >= window.beginMs && t <= window.endMs);
  const sums: Record<string, number> = {};
  let requests = 0;
  for (const [index, { spent }] of looks.entries()) {
    const before = looks[index - 1]?.spent;
    if (before === undefined) continue;
    for (const [pod, now] of Object.entries(spent)) {
      const then = before[pod];
      requests += now.requests - (then?.requests ?? 0);
      for (const [part, ms] of Object.entries(now.ms)) sums[part] = (sums[part] ?? 0) + ms - (then?.ms[part] ?? 0);
    }
  }
  if (requests <= 0) return null;
  return { requests, perRequest: Object.fromEntries(Object.entries(sums).map(([part, ms]) => [part, ms / requests])) };
}

export interface Cell {
  readonly client: string;
  readonly remainingMs: number;
  readonly concurrency: number;
  /** Calls of the metadata service for each request. */
  readonly ratio: number;
  readonly calls: number;
  readonly requests: number;
  readonly failed: number;
  readonly storms: boolean;
}

/** Every other request asks again: no cache that was only just renewed does that. */
const STORM_RATIO = 0.5;

export function sweepCells(record: ArmRecord, probe: string): readonly Cell[] {
  return seen(record, probe, "swept").map(({ client, remainingMs, concurrency, requests, failed, calls }) => {
    const all = Object.values(calls).reduce((sum, one) => sum + one, 0);
    const ratio = all / requests;
    return { client, remainingMs, concurrency, requests, failed, calls: all, ratio, storms: ratio >= STORM_RATIO };
  });
}
