/** The lag that is in force, and the lease without whose renewal it ends by itself. */

export class Lag {
  #ms = 0;
  #lease: NodeJS.Timeout | undefined;
  readonly #listeners = new Set<() => void>();

  /** Milliseconds. */
  get ms(): number {
    return this.#ms;
  }

  /** Sets the lag for `leaseMs`; after that it is 0 unless it was set again. */
  set(ms: number, leaseMs: number): void {
    clearTimeout(this.#lease);
    this.#lease = setTimeout(() => this.#change(0), leaseMs);
    this.#change(ms);
  }

  /** @returns how to stop listening. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #change(ms: number): void {
    if (ms === this.#ms) return;
    this.#ms = ms;
    for (const listener of this.#listeners) listener();
  }
}
