/** What the load and its pacer's thread share. */
export interface Schedule {
  /** Milliseconds of CLOCK_MONOTONIC. */
  readonly startMs: number;
  readonly intervalMs: number;
  readonly count: number;
}
/** Places in the shared memory. */
export const TICK = 0;
export const STOP = 1;
