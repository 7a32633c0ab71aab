/** Numbers as people read them; used in every sentence of a verdict and in every report. */
import type { Duration, Phase } from "../types.ts";

const MS_PER_UNIT: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Milliseconds of a duration of the plan ("500ms", "5s"); the plan was validated, so NaN means a foreign file. */
export function durationMs(duration: Duration): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(duration);
  return match === null ? Number.NaN : Number(match[1]) * (MS_PER_UNIT[match[2] ?? ""] ?? Number.NaN);
}

/** "9,000"; at most one decimal where the number is not whole. */
export function count(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: value < 100 ? 1 : 0 });
}

/** "1 pod", "31 pods". */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** A script's own metric, of which neither unit nor size is known: three digits at least. */
export function metricValue(value: number): string {
  return Math.abs(value) >= 100 ? count(value) : String(Number(value.toPrecision(3)));
}

/** "0.4 ms", "24.6 ms", "245 ms", "5.02 s", "3 min 5 s". */
export function milliseconds(ms: number): string {
  if (ms < 0) return `−${milliseconds(-ms)}`;
  if (ms < 99.95) return `${trimmed(ms.toFixed(1))} ms`;
  if (ms < 999.5) return `${ms.toFixed(0)} ms`;
  if (ms < 59_995) return `${trimmed((ms / 1_000).toFixed(2))} s`;
  const seconds = Math.round(ms / 1_000);
  const rest = seconds % 60 === 0 ? "" : ` ${seconds % 60} s`;
  return `${Math.floor(seconds / 60)} min${rest}`;
}

/** A ratio as "81.58 %": never 0 % or 100 % unless it is exactly that. */
export function percent(ratio: number): string {
  if (ratio === 0 || ratio === 1) return `${ratio * 100} %`;
  const distance = Math.min(ratio, 1 - ratio);
  const decimals = distance >= 0.1 ? 1 : distance >= 0.01 ? 2 : 3;
  for (let digits = decimals; digits < 8; digits++) {
    const text = (ratio * 100).toFixed(digits);
    if (Number(text) !== 0 && Number(text) !== 100) return `${trimmed(text)} %`;
  }
  return ratio < 0.5 ? "< 0.000001 %" : "> 99.999999 %";
}

/** The name of a phase in a sentence. */
export function phaseName(phase: Phase): string {
  return phase === "run" ? "the whole run" : `the ${phase} phase`;
}

/** Sentences joined into one: "a; b; c." */
export function oneSentence(parts: readonly string[]): string {
  return `${parts.map((part) => part.replace(/\.$/, "")).join("; ")}.`;
}

function trimmed(decimal: string): string {
  return decimal.includes(".") ? decimal.replace(/\.?0+$/, "") : decimal;
}
