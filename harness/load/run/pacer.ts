/**
 * Wakes the load when an iteration is due, to a tenth of a millisecond.
 *
 * The event loop's timers are whole milliseconds: with them, half of all requests at any rate began 0.3 to 0.8 ms
 * late. Spinning would be exact and would cost a core. A thread that sleeps in `Atomics.wait`, which knows fractions
 * of milliseconds, costs a few percent of a core and was 0.1 to 0.3 ms late.
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { entryUrl } from "./entry.ts";
import { type Schedule, STOP, TICK } from "./pacer-types.ts";

/** The thread holds a schedule and two numbers; less room than this, and collecting its garbage delays it. */
const THREAD_LIMITS = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4, stackSizeMb: 1 };

export class Pacer {
  readonly #control: Int32Array<SharedArrayBuffer>;
  readonly #worker: Worker;
  #stopped = false;

  private constructor(control: Int32Array<SharedArrayBuffer>, worker: Worker) {
    this.#control = control;
    this.#worker = worker;
  }

  /** Starts the thread, which takes some 50 ms: before there is anything to be on time for. */
  static async create(): Promise<Pacer> {
    const control = new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));
    const worker = new Worker(entryUrl("pacer-thread"), {
      workerData: control.buffer,
      resourceLimits: THREAD_LIMITS,
    });
    await once(worker, "message");
    return new Pacer(control, worker);
  }

  /** Calls `onDue` whenever something in the schedules may be due. */
  start(schedules: readonly Schedule[], onDue: () => void): void {
    this.#worker.postMessage(schedules);
    void this.#listen(onDue);
  }

  stop(): void {
    this.#stopped = true;
    Atomics.store(this.#control, STOP, 1);
    Atomics.notify(this.#control, STOP);
    Atomics.notify(this.#control, TICK);
    void this.#worker.terminate();
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
