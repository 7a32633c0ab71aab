/** The statistics of a verdict: definitions that can be checked by hand, nothing that draws random numbers. */

/** An interval of a ratio or of a difference of ratios. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** The standard normal's 97.5 % quantile: every interval here is a 95 % one. */
const Z_95 = 1.959963984540054;

/**
 * Nearest-rank percentile: the smallest sample that at least `percentile` % of all samples do not exceed.
 * Always a value that was measured. `sorted` ascending; NaN for no samples.
 */
export function percentile(sorted: ArrayLike<number>, percentile: number): number {
  if (sorted.length === 0) return Number.NaN;
  // The product is taken before the quotient, and rounded below float noise, so that p99 of 100 is the 99th.
  const rank = Math.ceil(Number(((percentile * sorted.length) / 100).toFixed(9)));
  return sorted[Math.min(Math.max(rank, 1), sorted.length) - 1] ?? Number.NaN;
}

/** The middle sample, or the mean of the two in the middle; NaN for none. Input in any order. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

/**
 * 95 % Wilson score interval of `hits` of `samples`. With no hits the upper end is the rule of three (3 / n),
 * the form in which practitioners know it; likewise mirrored where all hit.
 */
export function ratioInterval(hits: number, samples: number): Interval {
  if (samples === 0) return { low: 0, high: 1 };
  if (hits === 0) return { low: 0, high: Math.min(1, 3 / samples) };
  if (hits === samples) return { low: Math.max(0, 1 - 3 / samples), high: 1 };
  return wilson(hits, samples);
}

function wilson(hits: number, samples: number): Interval {
  const ratio = hits / samples;
  const z2 = Z_95 * Z_95;
  const centre = ratio + z2 / (2 * samples);
  const half = Z_95 * Math.sqrt((ratio * (1 - ratio)) / samples + z2 / (4 * samples * samples));
  const scale = 1 + z2 / samples;
  return { low: Math.max(0, (centre - half) / scale), high: Math.min(1, (centre + half) / scale) };
}

/** 95 % interval of hitsA/samplesA − hitsB/samplesB (Newcombe's hybrid score: Wilson intervals of both, combined). */
export function differenceInterval(hitsA: number, samplesA: number, hitsB: number, samplesB: number): Interval {
  if (samplesA === 0 || samplesB === 0) return { low: -1, high: 1 };
  const [a, b] = [hitsA / samplesA, hitsB / samplesB];
  const [ia, ib] = [wilson(hitsA, samplesA), wilson(hitsB, samplesB)];
  return {
    low: a - b - Math.hypot(a - ia.low, ib.high - b),
    high: a - b + Math.hypot(ia.high - a, b - ib.low),
  };
}

/**
 * Fisher's exact test, two-sided: how likely a split of the hits at least this uneven is if both sides had the same ratio.
 * It takes every request as independent; failures come in clusters, so a small value is a hint and not a proof.
 */
export function fisherExact(hitsA: number, samplesA: number, hitsB: number, samplesB: number): number {
  const hits = hitsA + hitsB;
  const first = Math.max(0, hits - samplesB);
  const last = Math.min(hits, samplesA);
  const logOf = (k: number) =>
    logChoose(samplesA, k) + logChoose(samplesB, hits - k) - logChoose(samplesA + samplesB, hits);
  // 1e-7: tables as likely as the observed one count in, whatever the rounding.
  const limit = logOf(hitsA) + 1e-7;
  let sum = 0;
  for (let k = first; k <= last; k++) {
    const log = logOf(k);
    if (log <= limit) sum += Math.exp(log);
  }
  return Math.min(1, sum);
}

function logChoose(n: number, k: number): number {
  return logFactorial(n) - logFactorial(k) - logFactorial(n - k);
}

/** ln n!: summed for small n, Stirling's series above (error below 1e-10 from n = 32 on). */
function logFactorial(n: number): number {
  if (n < 32) {
    let sum = 0;
    for (let i = 2; i <= n; i++) sum += Math.log(i);
    return sum;
  }
  return (
    n * Math.log(n) - n + 0.5 * Math.log(2 * Math.PI * n) + 1 / (12 * n) - 1 / (360 * n ** 3) + 1 / (1260 * n ** 5)
  );
}
