/** From counters of CPU time to shares of a node's capacity. Pure. */

/** A counter of CPU time at an instant, both in milliseconds. */
export interface Reading {
  readonly atMs: number;
  readonly usedMs: number;
}

/**
 * CPUs in use, by the line that fits the readings best: a quota gives CPU time out in steps of a tenth of a second, and
 * the difference of two readings would be off by as much as a step.
 */
export function cpusOf(readings: readonly Reading[]): number {
  const mean = (of: (reading: Reading) => number) => readings.reduce((sum, one) => sum + of(one), 0) / readings.length;
  const at = mean(({ atMs }) => atMs);
  const used = mean(({ usedMs }) => usedMs);
  const spread = readings.reduce((sum, { atMs }) => sum + (atMs - at) ** 2, 0);
  if (spread === 0) return 0;
  return readings.reduce((sum, one) => sum + (one.atMs - at) * (one.usedMs - used), 0) / spread;
}

/** Percentage points that a node may be off its target. */
export const BAND = 5;
/** What the node is judged by, second for second, once it had this long to get there. Milliseconds. */
const WINDOW_MS = 1_000;
const SETTLING_MS = 1_500;

export interface TimeInBand {
  /** Time that was judged; 0: nothing yet. */
  readonly seconds: number;
  /** Percent of it in which the second before was within the band. */
  readonly percent: number;
  /** Percent of the capacity that was in use over all of it. */
  readonly mean: number;
}

/** Each reading is judged by what was used in the second before it, and stands for the time since the one before. */
export function timeInBand(readings: readonly Reading[], capacity: number, target: number): TimeInBand {
  const first = readings[0];
  const last = readings.at(-1);
  const shareOf = (from: Reading, to: Reading) => ((to.usedMs - from.usedMs) / (to.atMs - from.atMs) / capacity) * 100;
  let judged = 0;
  let inside = 0;
  let start: Reading | undefined;
  let from = 0;
  for (const [i, reading] of readings.entries()) {
    while (from + 1 < i && reading.atMs - (readings[from + 1] as Reading).atMs >= WINDOW_MS) from += 1;
    const before = readings[from] as Reading;
    const settled = reading.atMs - (first as Reading).atMs >= SETTLING_MS + WINDOW_MS;
    if (!settled || reading.atMs - before.atMs < WINDOW_MS) continue;
    const previous = readings[i - 1] as Reading;
    start ??= previous;
    const stood = reading.atMs - previous.atMs;
    judged += stood;
    if (Math.abs(shareOf(before, reading) - target) <= BAND) inside += stood;
  }
  if (judged === 0 || start === undefined || last === undefined) return { seconds: 0, percent: 0, mean: 0 };
  return { seconds: judged / 1_000, percent: (inside / judged) * 100, mean: shareOf(start, last) };
}
