/**
 * The fault phase of an arm: injections and reverts in the order of their times, one after the other.
 * A one-shot fault runs to its end; another is held at least for its length, and longer while a later one still runs.
 */
import { messageOf } from "../errors.ts";
import type { FaultContext } from "../faults/fault.ts";
import type { PlannedStep } from "../types.ts";
import { pause } from "./clock.ts";
import { type ActiveFault, LEASE_MS } from "./fault-step.ts";

export interface TimelinePorts {
  readonly now: () => number;
  readonly signal: AbortSignal;
  readonly inject: (step: PlannedStep) => Promise<ActiveFault>;
  /** Measures once more and reverts. */
  readonly end: (active: ActiveFault, step: PlannedStep) => Promise<void>;
  readonly contextOf: (step: PlannedStep) => FaultContext;
  readonly log: (line: string) => void;
}

/**
 * Runs the steps. An ineffective fault ends the timeline early: what would follow proves nothing.
 * Whatever was injected is still open when this throws; the caller reverts it.
 */
export async function runTimeline(steps: readonly PlannedStep[], ports: TimelinePorts): Promise<void> {
  const begin = ports.now();
  const waiting = [...steps];
  const open: { active: ActiveFault; step: PlannedStep; endsAt: number }[] = [];
  const renewals = keepLeases(open, ports);
  try {
    while (waiting.length > 0 || open.length > 0) {
      const next = waiting[0];
      const ending = newestEnding(open);
      if (ending !== undefined && (next === undefined || ending.endsAt <= begin + next.atMs)) {
        await pause(ending.endsAt - ports.now(), ports.signal);
        open.splice(open.indexOf(ending), 1);
        await ports.end(ending.active, ending.step);
      } else if (next !== undefined) {
        await pause(begin + next.atMs - ports.now(), ports.signal);
        waiting.shift();
        const active = await ports.inject(next);
        if (active.fault.oneShot) await ports.end(active, next);
        else open.push({ active, step: next, endsAt: begin + next.atMs + next.forMs });
        if (!active.evidence.effective) {
          ports.log(`${next.id} took no effect: ${active.evidence.because}`);
          waiting.length = 0;
          // One instant for all: they come off newest first.
          const now = ports.now();
          for (const held of open) held.endsAt = now;
        }
      }
    }
  } finally {
    clearInterval(renewals);
  }
}

/** The next to end; of those that are due together the newest, so that faults come off in the reverse order. */
function newestEnding<T extends { readonly endsAt: number }>(open: readonly T[]): T | undefined {
  return open.reduce<T | undefined>(
    (best, one) => (best === undefined || one.endsAt <= best.endsAt ? one : best),
    undefined,
  );
}

function keepLeases(open: readonly { active: ActiveFault; step: PlannedStep }[], ports: TimelinePorts) {
  let busy = false;
  return setInterval(() => {
    if (busy) return;
    busy = true;
    void Promise.allSettled(
      open.map(async ({ active, step }) => active.fault.renew?.(active.undo, ports.contextOf(step), LEASE_MS)),
    ).then((results) => {
      busy = false;
      for (const result of results) {
        if (result.status === "rejected") ports.log(`a lease could not be renewed: ${messageOf(result.reason)}`);
      }
    });
  }, LEASE_MS / 3);
}
