/**
 * One clock for every process of the machine: CLOCK_MONOTONIC, the one behind `process.hrtime.bigint()`.
 * A double holds such milliseconds to better than a nanosecond until the machine is up for 52 days.
 */
const originMs = pair();

/** Milliseconds of CLOCK_MONOTONIC now. */
export function monotonicMs(): number {
  return originMs + performance.now();
}

/** Of several pairings of both clocks the one that was interrupted least. */
function pair(): number {
  let best = { width: Number.POSITIVE_INFINITY, origin: 0 };
  for (let attempt = 0; attempt < 8; attempt++) {
    const before = performance.now();
    const monotonicNs = process.hrtime.bigint();
    const after = performance.now();
    const width = after - before;
    if (width < best.width) best = { width, origin: Number(monotonicNs) / 1e6 - (before + after) / 2 };
  }
  return best.origin;
}
