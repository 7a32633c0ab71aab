/** The thread that wakes the load when something is due; see pacer.ts. */
import { workerData } from "node:worker_threads";
import { monotonicMs } from "../clock.ts";
import { type PacerData, STOP, TICK } from "./pacer.ts";

/** No two wake-ups closer than this: at high rates they cost more than the few requests that wait for the next. */
const LEAST_GAP_MS = 0.25;

const { schedules, shared } = workerData as PacerData;
const control = new Int32Array(shared);

for (let next = firstAfter(Number.NEGATIVE_INFINITY); next !== Number.POSITIVE_INFINITY; ) {
  const wait = next - monotonicMs();
  if (wait > 0) Atomics.wait(control, STOP, 0, wait);
  if (Atomics.load(control, STOP) !== 0) break;
  const now = monotonicMs();
  // Woken early by a hair: nothing is due yet.
  if (now < next) continue;
  Atomics.add(control, TICK, 1);
  Atomics.notify(control, TICK);
  const following = firstAfter(now);
  next = following === Number.POSITIVE_INFINITY ? following : Math.max(following, now + LEAST_GAP_MS);
}

/** When the first thing after `ms` is due. */
function firstAfter(ms: number): number {
  let first = Number.POSITIVE_INFINITY;
  for (const { startMs, intervalMs, count } of schedules) {
    const index = Math.max(0, Math.floor((ms - startMs) / intervalMs) + 1);
    if (index < count) first = Math.min(first, startMs + index * intervalMs);
  }
  return first;
}
