/** From values to places on paper, and the ticks that people expect there. */

export type Scale = (value: number) => number;

export function linear(from: number, to: number, low: number, high: number): Scale {
  const span = to - from || 1;
  return (value) => low + ((value - from) / span) * (high - low);
}

/** Values at or below zero lie on the low end. */
export function logarithmic(from: number, to: number, low: number, high: number): Scale {
  const place = linear(Math.log10(from), Math.log10(to), low, high);
  return (value) => place(Math.log10(Math.max(value, from)));
}

/** Whole numbers of seconds, then of minutes. */
const TIME_STEPS_S = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_800, 3_600];

/** Ticks of a time axis, ms; at most `most` of them. */
export function timeTicks(fromMs: number, toMs: number, most: number): readonly number[] {
  const step = 1_000 * (TIME_STEPS_S.find((s) => (toMs - fromMs) / (s * 1_000) <= most) ?? 7_200);
  return multiples(fromMs, toMs, step);
}

/** "0", "30 s", "2:30" */
export function timeLabel(ms: number, spanMs: number): string {
  if (ms === 0) return "0";
  if (spanMs < 150_000) return `${Number((ms / 1_000).toFixed(1))} s`;
  const seconds = Math.round(ms / 1_000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** Ticks of an amount axis from zero: 1, 2 or 5 times a power of ten apart. */
export function amountTicks(max: number, most: number): readonly number[] {
  if (max <= 0) return [0];
  const power = 10 ** Math.floor(Math.log10(max / most));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((s) => max / s <= most) ?? power * 10;
  return multiples(0, max, step);
}

/** Powers of ten in the range. */
export function decades(from: number, to: number): readonly number[] {
  const first = Math.ceil(Math.log10(from) - 1e-9);
  const last = Math.floor(Math.log10(to) + 1e-9);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => 10 ** (first + index));
}

function multiples(from: number, to: number, step: number): readonly number[] {
  const first = Math.ceil(from / step - 1e-9);
  const last = Math.floor(to / step + 1e-9);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => (first + index) * step);
}
