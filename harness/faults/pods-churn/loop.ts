/**
 * What creates and deletes pods while the fault is in. It lives in the harness's process: whoever finds the undo token
 * in another one has no loop to end, and deletes what this one left.
 *
 * Open model: the pods are due at fixed instants, however long the API server takes; one that comes too late is left out
 * and not made up for, so that a slow server shows in the rate that is reached.
 */
import { messageOf } from "../../errors.ts";

export interface LoopPorts {
  readonly everyMs: number;
  readonly lifetimeMs: number;
  /** No more than these are begun; null: no end. */
  readonly pods: number | null;
  /** Creates the nth pod. @returns its name. */
  readonly create: (n: number) => Promise<string>;
  readonly remove: (name: string) => Promise<void>;
}
export interface Loop {
  /** The loop ends by itself when this is not called in time: a process that was stopped and goes on must not go on. */
  renew(leaseMs: number): void;
  /** Resolves when no call of it is under way any more. */
  stop(): Promise<void>;
  tally(): { readonly created: number; readonly failed: number; readonly missed: number; readonly lastError: string };
}

/** Calls under way at once; more, and a pod is left out. */
const MAX_CALLS = 64;

export function startLoop(ports: LoopPorts, leaseMs: number): Loop {
  const began = performance.now();
  const calls = new Set<Promise<void>>();
  const timers = new Set<NodeJS.Timeout>();
  const tally = { created: 0, failed: 0, missed: 0, lastError: "" };
  let until = began + leaseMs;
  let n = 0;
  let begun = 0;
  let ended = false;

  function after(ms: number, what: () => void): void {
    const timer = setTimeout(() => {
      timers.delete(timer);
      if (!ended && performance.now() < until) what();
      else end();
    }, ms);
    timers.add(timer);
  }
  function end(): void {
    ended = true;
    for (const timer of timers) clearTimeout(timer);
    timers.clear();
  }
  function call(what: () => Promise<void>): void {
    const running = what()
      .catch((error: unknown) => {
        tally.failed += 1;
        tally.lastError = messageOf(error);
      })
      .finally(() => calls.delete(running));
    calls.add(running);
  }
  function next(): void {
    if (begun === ports.pods) return;
    const due = Math.floor((performance.now() - began) / ports.everyMs);
    tally.missed += Math.max(0, due - n);
    n = Math.max(n, due);
    if (calls.size < MAX_CALLS) {
      begun += 1;
      call(async () => createAndKeep(n));
    } else tally.missed += 1;
    n += 1;
    after(Math.max(0, began + n * ports.everyMs - performance.now()), next);
  }
  async function createAndKeep(nth: number): Promise<void> {
    const name = await ports.create(nth);
    tally.created += 1;
    if (!ended) after(ports.lifetimeMs, () => call(async () => ports.remove(name)));
  }

  next();
  return {
    renew: (ms) => {
      until = performance.now() + ms;
    },
    stop: async () => {
      end();
      await Promise.allSettled(calls);
    },
    tally: () => ({ ...tally }),
  };
}
