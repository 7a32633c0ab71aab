/** The thread that wakes the load when something is due; see pacer.ts. */
import { parentPort, workerData } from "node:worker_threads";
import { monotonicMs } from "../clock.ts";
import { type Schedule, STOP, TICK } from "./pacer-types.ts";

/** No two wake-ups closer than this: at high rates they cost more than the few requests that wait for the next. */
const LEAST_GAP_MS = 0.25;

const control = new Int32Array(workerData as SharedArrayBuffer);

parentPort?.once("message", run);
parentPort?.postMessage("ready");

/** Returns when nothing will be due any more, or at STOP. */
function run(schedules: readonly Schedule[]): void {
  let next = firstAfter(schedules, Number.NEGATIVE_INFINITY);
  while (next !== Number.POSITIVE_INFINITY && Atomics.load(control, STOP) === 0) {
    const wait = next - monotonicMs();
    if (wait > 0) Atomics.wait(control, STOP, 0, wait);
    const now = monotonicMs();
    // Woken early by a hair: nothing is due yet.
    if (now < next) continue;
    Atomics.add(control, TICK, 1);
    Atomics.notify(control, TICK);
    const following = firstAfter(schedules, now);
    next = following === Number.POSITIVE_INFINITY ? following : Math.max(following, now + LEAST_GAP_MS);
  }
}

/** When the first thing after `ms` is due. */
function firstAfter(schedules: readonly Schedule[], ms: number): number {
  let first = Number.POSITIVE_INFINITY;
  for (const { startMs, intervalMs, count } of schedules) {
    const index = Math.max(0, Math.floor((ms - startMs) / intervalMs) + 1);
    if (index < count) first = Math.min(first, startMs + index * intervalMs);
  }
  return first;
}
