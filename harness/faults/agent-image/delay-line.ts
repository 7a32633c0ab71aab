/** Carries steps out in order, each as long after it was pushed as the lag says at that time. */

/** How long a step waits; `onChange` tells of another value, and how to stop listening. */
export interface Lag {
  /** Milliseconds; infinite: until it changes. */
  readonly ms: number;
  onChange(listener: () => void): () => void;
}

interface Step {
  readonly arrivedMs: number;
  readonly bytes: number;
  /** Resolves when the next step may follow. */
  readonly run: () => Promise<void> | void;
}

export interface DelayLineOptions {
  readonly lag: Lag;
  /** More bytes waiting than this, and `onFull` is called; `onRoom` when half of it is left again. */
  readonly highWaterBytes: number;
  readonly onFull: () => void;
  readonly onRoom: () => void;
}

export class DelayLine {
  readonly #options: DelayLineOptions;
  readonly #steps: Step[] = [];
  readonly #stopListening: () => void;
  #bytes = 0;
  #full = false;
  #timer: NodeJS.Timeout | undefined;
  #running = false;

  constructor(options: DelayLineOptions) {
    this.#options = options;
    this.#stopListening = options.lag.onChange(() => this.#next());
  }

  get waiting(): number {
    return this.#steps.length + (this.#running ? 1 : 0);
  }

  push(bytes: number, run: Step["run"]): void {
    this.#steps.push({ arrivedMs: performance.now(), bytes, run });
    this.#bytes += bytes;
    if (!this.#full && this.#bytes > this.#options.highWaterBytes) {
      this.#full = true;
      this.#options.onFull();
    }
    if (this.#steps.length === 1) this.#next();
  }

  /** Forgets all that waits. */
  close(): void {
    clearTimeout(this.#timer);
    this.#steps.length = 0;
    this.#stopListening();
  }

  #next(): void {
    clearTimeout(this.#timer);
    const step = this.#steps[0];
    if (this.#running || step === undefined) return;
    const dueInMs = step.arrivedMs + this.#options.lag.ms - performance.now();
    if (dueInMs === Number.POSITIVE_INFINITY) return;
    if (dueInMs > 0) {
      this.#timer = setTimeout(() => this.#next(), Math.ceil(dueInMs));
      return;
    }
    this.#steps.shift();
    void this.#carryOut(step);
  }

  async #carryOut(step: Step): Promise<void> {
    this.#running = true;
    await step.run();
    this.#running = false;
    this.#bytes -= step.bytes;
    if (this.#full && this.#bytes * 2 < this.#options.highWaterBytes) {
      this.#full = false;
      this.#options.onRoom();
    }
    this.#next();
  }
}
