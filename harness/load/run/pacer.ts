/**
 * Wakes the load when an iteration is due, to a tenth of a millisecond.
 *
 * The event loop's timers are whole milliseconds: with them, half of all requests at any rate began 0.3 to 0.8 ms
 * late. Spinning would be exact and would cost a core. A thread that sleeps in `Atomics.wait`, which knows fractions
 * of milliseconds, costs a few percent of a core and was 0.1 to 0.3 ms late.
 */
import { Worker } from "node:worker_threads";

export interface Schedule {
  /** Milliseconds of CLOCK_MONOTONIC. */
  readonly startMs: number;
  readonly intervalMs: number;
  readonly count: number;
}
export interface PacerData {
  readonly schedules: readonly Schedule[];
  readonly shared: SharedArrayBuffer;
}
/** Places in the shared memory. */
export const TICK = 0;
export const STOP = 1;

export class Pacer {
  readonly #control: Int32Array<SharedArrayBuffer>;
  readonly #worker: Worker | null;
  #stopped = false;

  /** Calls `onDue` whenever something in the schedules may be due. */
  constructor(schedules: readonly Schedule[], onDue: () => void) {
    const shared = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT);
    this.#control = new Int32Array(shared);
    if (schedules.length === 0) {
      this.#worker = null;
      return;
    }
    const workerData: PacerData = { schedules, shared };
    this.#worker = new Worker(new URL("./pacer-thread.ts", import.meta.url), { workerData });
    this.#worker.on("error", (error) => {
      if (!this.#stopped) throw error;
    });
    void this.#listen(onDue);
  }

  stop(): void {
    this.#stopped = true;
    Atomics.store(this.#control, STOP, 1);
    Atomics.notify(this.#control, STOP);
    Atomics.notify(this.#control, TICK);
  }

  async #listen(onDue: () => void): Promise<void> {
    while (!this.#stopped) {
      const seen = Atomics.load(this.#control, TICK);
      onDue();
      const tick = Atomics.waitAsync(this.#control, TICK, seen);
      if (tick.async) await tick.value;
    }
  }
}
