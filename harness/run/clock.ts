/** The run's clock: CLOCK_MONOTONIC, zero at the run's start. All measurements are put on it. */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { FaultlineError } from "../errors.ts";

export interface RunClock {
  /** Milliseconds since the run's start. */
  now(): number;
  /** `process.hrtime.bigint()` of any process on this host, as run time. */
  fromMonotonicNs(ns: bigint): number;
  /** Wall time in milliseconds since 1970, as run time; off by what the wall clock was set meanwhile. */
  fromWallMs(wallMs: number): number;
  readonly originNs: bigint;
  readonly originWallMs: number;
}

export function startClock(): RunClock {
  const originNs = process.hrtime.bigint();
  const originWallMs = performance.timeOrigin + performance.now();
  const fromMonotonicNs = (ns: bigint) => Number(ns - originNs) / 1e6;
  return {
    originNs,
    originWallMs,
    now: () => fromMonotonicNs(process.hrtime.bigint()),
    fromMonotonicNs,
    fromWallMs: (wallMs) => wallMs - originWallMs,
  };
}

/** Sleeps; @throws FaultlineError `interrupted` as soon as `signal` fires. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0 && !signal.aborted) return;
  try {
    await sleep(Math.max(0, ms), undefined, { signal });
  } catch {
    throw stopped(signal);
  }
}

/** The error that an aborted signal stands for: the reason that was given, if it was one of ours. */
export function stopped(signal: AbortSignal): Error {
  const given = signal.reason instanceof Error && signal.reason.name !== "AbortError";
  return given ? signal.reason : new FaultlineError("interrupted", "stopped on request");
}

/** Start time of a process in clock ticks since boot, as /proc has it; "" where there is none. */
export function processStart(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in parentheses may hold spaces; the start time is the 20th field after it.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  } catch {
    return "";
  }
}
