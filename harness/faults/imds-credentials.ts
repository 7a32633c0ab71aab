/**
 * New credentials for everybody, that live longer or shorter, are aged, or have expired. What was handed out before is
 * good for as long as it says; the mock hands it out no more.
 */
import type { Round } from "../cluster/imds-server/canary.ts";
import { formatMs, toMs } from "../define/duration.ts";
import type { ImdsCredentialsFault } from "../fault-specs.ts";
import { type ImdsUndo, imdsFault } from "./imds/imds-fault.ts";
import { durationProblems } from "./spec-problems.ts";

const LENGTHS = ["lifetime", "remaining", "expired"] as const;
/** The service gives whole seconds, and a look takes its time. */
const SLACK_MS = 2_500;

export const imdsCredentials = imdsFault<ImdsCredentialsFault>({
  kind: "imds.credentials",
  drawAs: { label: "credentials live for another time", colour: "#117733" },
  validate: (spec) => {
    const given = LENGTHS.filter((name) => spec[name] !== undefined);
    const overlong =
      spec.remaining !== undefined && spec.lifetime !== undefined && ms(spec.remaining) > ms(spec.lifetime);
    return [
      ...given.flatMap((name) => durationProblems(name, spec[name], "1s", "12h")),
      ...(spec.refreshBefore === undefined ? [] : durationProblems("refreshBefore", spec.refreshBefore, "0s", "12h")),
      ...(given.length === 0
        ? [{ path: "lifetime", message: "give lifetime, remaining or expired: otherwise no credentials change" }]
        : []),
      ...(spec.expired !== undefined && (given.length > 1 || spec.refreshBefore !== undefined)
        ? [
            {
              path: "expired",
              message: "stands alone: expired credentials have no other lifetime, and are not replaced",
            },
          ]
        : []),
      ...(overlong ? [{ path: "remaining", message: "at most the lifetime" }] : []),
    ];
  },
  changeOf: (spec) => ({
    credentials: {
      ...(spec.lifetime === undefined ? {} : { lifetimeMs: toMs(spec.lifetime) }),
      ...(spec.refreshBefore === undefined ? {} : { refreshBeforeMs: toMs(spec.refreshBefore) }),
      ...(spec.remaining === undefined ? {} : { remainingMs: toMs(spec.remaining) }),
      ...(spec.expired === undefined ? {} : { expiredMs: toMs(spec.expired) }),
    },
  }),
  ask: () => ({ rounds: 1, timeoutMs: 3_000 }),
  judge: (rounds, undo) => {
    const range = expectedRange(undo, Date.now() - undo.preparedAtMs);
    return finding(rounds, range, (round) => !undo.keys.includes(round.accessKeyId ?? ""));
  },
  judgeClean: (rounds, { settings }) => {
    const range = { fromMs: 0, toMs: Math.max(settings.lifetimeMs, settings.remainingMs ?? 0) };
    const { inEffect, ...rest } = finding(rounds, range, () => true);
    return { inEffect: !inEffect, ...rest };
  },
});

/** Validated before; what is no duration is reported for itself. */
const ms = (text: unknown): number => {
  try {
    return toMs(text as "1s");
  } catch {
    return 0;
  }
};

interface Range {
  readonly fromMs: number;
  readonly toMs: number;
}

/** What credentials may have left, so long after they were issued at the earliest. */
export function expectedRange({ change, settings }: Pick<ImdsUndo, "change" | "settings">, elapsedMs: number): Range {
  const { lifetimeMs, remainingMs, expiredMs, refreshBeforeMs } = change.credentials ?? {};
  if (expiredMs !== undefined) return { fromMs: -expiredMs - elapsedMs, toMs: -expiredMs };
  const lifetime = lifetimeMs ?? settings.lifetimeMs;
  const window = refreshBeforeMs ?? settings.refreshBeforeMs;
  const first = remainingMs ?? settings.remainingMs ?? lifetime;
  if (first - elapsedMs - SLACK_MS > window) return { fromMs: first - elapsedMs, toMs: first };
  // The first ones may have been replaced meanwhile.
  return { fromMs: Math.min(window, first - elapsedMs), toMs: Math.max(first, lifetime) };
}

function finding(rounds: readonly Round[], range: Range, isNew: (round: Round) => boolean) {
  const given = rounds.filter(({ remainingMs }) => remainingMs !== null);
  const left = given.map(({ remainingMs }) => remainingMs ?? 0);
  const inRange = left.every((one) => one >= range.fromMs - SLACK_MS && one <= range.toMs + SLACK_MS);
  const isFresh = given.every(isNew);
  const leftMs = Math.round(left[0] ?? 0);
  return {
    inEffect: given.length > 0 && inRange && isFresh,
    saw:
      given.length === 0
        ? "no credentials were given"
        : `${isFresh ? "" : "the same "}credentials ${leftMs < 0 ? `expired ${formatMs(-leftMs)} ago` : `with ${formatMs(leftMs)} left`}`,
    values: { given: given.length, ...(given.length === 0 ? {} : { leftMs }) },
  };
}
