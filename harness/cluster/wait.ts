/** Waiting: every wait has a deadline and, when it ends, shows the last thing observed. */
import { setTimeout as sleep } from "node:timers/promises";
import { FaultlineError, messageOf } from "../errors.ts";

export type Observation<T> =
  | { readonly done: true; readonly value: T }
  | { readonly done: false; readonly saw: string };

export interface WaitOptions<T> {
  /** What is waited for, as it should stand in the error: "3 nodes Ready". */
  readonly what: string;
  /** Looks once. A throw is remembered as the last observation and tried again. */
  readonly probe: () => Promise<Observation<T>>;
  readonly timeoutMs: number;
  readonly everyMs: number;
  readonly signal?: AbortSignal;
  /** Decides which errors end the wait at once; default: a FaultlineError `usage`, `not-ours` or `interrupted`. */
  readonly isFatal?: (error: unknown) => boolean;
}

/**
 * Polls until `probe` is done.
 * @throws FaultlineError `deadline` that carries the last observation; `interrupted` when `signal` fired.
 */
export async function waitFor<T>(options: WaitOptions<T>): Promise<T> {
  const deadline = performance.now() + options.timeoutMs;
  let last = "nothing yet";
  while (true) {
    if (options.signal?.aborted) throw new FaultlineError("interrupted", `${options.what}: stopped on request`);
    try {
      const observed = await options.probe();
      if (observed.done) return observed.value;
      last = observed.saw;
    } catch (error) {
      if ((options.isFatal ?? isFatalByDefault)(error)) throw error;
      last = messageOf(error);
    }
    if (performance.now() + options.everyMs > deadline) {
      throw new FaultlineError("deadline", `${options.what}: after ${options.timeoutMs} ms saw ${last}`, {
        context: { what: options.what, timeoutMs: options.timeoutMs, lastObservation: last },
      });
    }
    await sleep(options.everyMs);
  }
}

function isFatalByDefault(error: unknown): boolean {
  return error instanceof FaultlineError && ["usage", "not-ours", "interrupted"].includes(error.code);
}
