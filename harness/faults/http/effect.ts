/** From canary requests to whether an HTTP fault is in effect. Pure. */
import type { HttpSettings } from "../agent-image/http-settings.ts";
import type { Finding } from "../node/findings.ts";
import { isShare, percent } from "../share.ts";
import type { HttpReading } from "./reading.ts";

export interface HttpFinding extends Finding {
  /** Half of it is more than nothing: what a revert must end. */
  readonly isLeft: boolean;
}

/** How many requests tell a share: so many of them are expected to be hit, and never fewer are sent in all. */
const EXPECTED_HITS = 20;
const FOR_ALL = 20;
const FOR_SHARE = 200;
/** Late ones take their time. */
const FOR_LATE_SHARE = 64;

const AT_ONCE = { least: 4, usual: 8, most: 20 } as const;
/** For all that come late, where that many at a time are enough. Milliseconds. */
const WITHIN_MS = 1_500;

/** How many requests, and how many of them at a time. */
export function pace(settings: HttpSettings): { readonly times: number; readonly atOnce: number } {
  const { mode, share, latencyMs } = settings;
  const times = timesFor(settings);
  if (mode !== "late") return { times, atOnce: AT_ONCE.usual };
  const wanted = Math.ceil((times * share * latencyMs) / WITHIN_MS);
  return { times, atOnce: Math.min(AT_ONCE.most, Math.max(AT_ONCE.least, wanted)) };
}

function timesFor({ mode, share }: HttpSettings): number {
  if (share === 1) return FOR_ALL;
  return Math.max(mode === "late" ? FOR_LATE_SHARE : FOR_SHARE, Math.ceil(EXPECTED_HITS / share));
}

/** Beyond the latency: two hops more, a busy machine, and what waits at the application itself. Milliseconds. */
const TOLERANCE_MS = 3_000;
/** Of the latency, less what two measurements on a busy machine may differ by. */
const NEARLY = 0.95;
const NOISE_MS = 25;
/** curl's codes for a connection that ended, or was reset, without an answer. */
const RESETS = [52, 55, 56];

/** @param beforeMs median before the fault, where nothing is spared that could be measured beside it. */
export function findingOf(reading: HttpReading, settings: HttpSettings, beforeMs: number | null): HttpFinding {
  return settings.mode === "late" ? lateness(reading, settings, beforeMs) : failures(reading, settings);
}

function failures({ pod, answers }: HttpReading, { mode, status, share }: HttpSettings): HttpFinding {
  const isHit =
    mode === "reset"
      ? (one: { exit: number }) => RESETS.includes(one.exit)
      : (one: { status: number }) => one.status === status;
  const hits = answers.filter(isHit).length;
  const all = answers.filter((one) => one.status > 0 || isHit(one)).length;
  const what = mode === "reset" ? "were reset" : `were answered with ${status}`;
  return {
    name: pod,
    inEffect: isEnough(all, answers.length) && isShare(hits, all, share),
    isLeft: hits > 0 && hits / all >= share / 2,
    saw: `${hits} of ${all} requests ${what}, ${percent(all === 0 ? 0 : hits / all)}; asked for are ${percent(share)}`,
    values: { requests: all, hits, ...percents(hits, all, share), unanswered: answers.length - all },
  };
}

function lateness(
  { pod, answers, control }: HttpReading,
  { latencyMs, jitterMs, share }: HttpSettings,
  beforeMs: number | null,
): HttpFinding {
  const times = answers.filter(({ status }) => status > 0).map(({ ms }) => ms);
  const late = times.filter((ms) => ms >= NEARLY * (latencyMs - jitterMs));
  const controlMs =
    beforeMs ??
    percentile(
      control.filter(({ status }) => status > 0).map(({ ms }) => ms),
      0.5,
    );
  const lateMs = percentile(late, 0.5);
  const delayMs = lateMs === null || controlMs === null ? 0 : lateMs - controlMs;
  // The median of so many evenly spread delays is found within this.
  const spreadMs = (4 * jitterMs) / Math.sqrt(Math.max(1, late.length));
  const leastMs = Math.max(latencyMs / 2, NEARLY * latencyMs - NOISE_MS) - spreadMs;
  const isDelay = delayMs >= leastMs && delayMs <= latencyMs + spreadMs + TOLERANCE_MS;
  const p95Ms = percentile(late, 0.95);
  const whole = (ms: number | null) => (ms === null ? "none" : `${Math.round(ms)} ms`);
  return {
    name: pod,
    inEffect: isEnough(times.length, answers.length) && isDelay && isShare(late.length, times.length, share),
    isLeft: late.length > 0 && late.length / times.length >= share / 2 && delayMs >= latencyMs / 2,
    saw: `${late.length} of ${times.length} requests came late, in the median ${Math.round(delayMs)} ms later than ${beforeMs === null ? "from a node" : "before"} (${whole(lateMs)} and ${whole(controlMs)}); asked for are ${latencyMs} ms for ${percent(share)}`,
    values: {
      requests: times.length,
      hits: late.length,
      ...percents(late.length, times.length, share),
      delayMs: Math.round(delayMs),
      ...(lateMs === null ? {} : { lateMs: Math.round(lateMs), lateP95Ms: Math.round(p95Ms ?? lateMs) }),
      ...(controlMs === null ? {} : { controlMs: Math.round(controlMs) }),
      unanswered: answers.length - times.length,
    },
  };
}

/** What mostly gets no answer says nothing. */
const isEnough = (answered: number, asked: number) => answered > 0 && answered * 2 >= asked;

const percents = (hits: number, all: number, share: number) => ({
  measuredPercent: Number(((100 * hits) / Math.max(1, all)).toFixed(1)),
  askedPercent: share * 100,
});

export function percentile(values: readonly number[], at: number): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(at * sorted.length))] ?? null;
}
