/** Durations by size, in constant memory: buckets of 1 % from a microsecond to three hours. */
const LEAST_MS = 0.001;
const STEP = Math.log(1.01);
const BUCKETS = Math.ceil(Math.log(1e7 / LEAST_MS) / STEP) + 1;

export class Histogram {
  readonly #counts = new Uint32Array(BUCKETS);
  count = 0;
  max = 0;

  add(ms: number): void {
    const bucket = ms <= LEAST_MS ? 0 : Math.min(BUCKETS - 1, Math.ceil(Math.log(ms / LEAST_MS) / STEP));
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.count++;
    if (ms > this.max) this.max = ms;
  }

  /** Milliseconds that a share `p` (0 to 1) of the values does not exceed, to 1 %; null without values. */
  quantile(p: number): number | null {
    if (this.count === 0) return null;
    let left = Math.max(1, Math.ceil(p * this.count));
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      left -= this.#counts[bucket] ?? 0;
      if (left <= 0) return Math.min(this.max, bucket === 0 ? LEAST_MS : LEAST_MS * Math.exp(bucket * STEP));
    }
    return this.max;
  }

  clear(): void {
    this.#counts.fill(0);
    this.count = 0;
    this.max = 0;
  }
}
