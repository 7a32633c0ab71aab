/** What is in force, and the lease without whose renewal it ends by itself. */

export class Leased<T> {
  readonly #idle: T;
  readonly #listeners = new Set<() => void>();
  #value: T;
  #lease: NodeJS.Timeout | undefined;

  /** @param idle what is in force without a lease. */
  constructor(idle: T) {
    this.#idle = idle;
    this.#value = idle;
  }

  get value(): T {
    return this.#value;
  }

  /** Sets the value for `leaseMs`; after that it is the idle one unless it was set again. */
  set(value: T, leaseMs: number): void {
    clearTimeout(this.#lease);
    this.#lease = setTimeout(() => this.#change(this.#idle), leaseMs);
    this.#change(value);
  }

  /** @returns how to stop listening. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #change(value: T): void {
    this.#value = value;
    for (const listener of this.#listeners) listener();
  }
}
