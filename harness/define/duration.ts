/** Lengths of time as text with a unit, so that no number in a definition leaves its unit open. */
import type { Duration } from "../types.ts";

const MS_PER_UNIT = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;

/** Milliseconds of "500ms", "1.5s", "2m", "1h"; null when the text is none of these. */
export function parseDuration(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text);
  if (match === null) return null;
  return Number(match[1]) * MS_PER_UNIT[match[2] as keyof typeof MS_PER_UNIT];
}

/** Milliseconds of a duration that was validated before. @throws RangeError otherwise. */
export function toMs(duration: Duration): number {
  const ms = parseDuration(duration);
  if (ms === null) throw new RangeError(`not a duration: ${duration}`);
  return ms;
}

/** "850 ms", "4.2 s", "3 min 5 s": for people. */
export function formatMs(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1).replace(/\.0$/, "")} s`;
  const minutes = Math.floor(ms / 60_000);
  const seconds = Math.round((ms - minutes * 60_000) / 1_000);
  return seconds === 0 ? `${minutes} min` : `${minutes} min ${seconds} s`;
}
