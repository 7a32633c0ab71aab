/** What is in force: the arm's settings and, over them, the change of each fault for as long as its lease. */
import { type Change, DEFAULTS, type Settings } from "./settings.ts";

export interface Held {
  readonly id: string;
  readonly change: Change;
  /** On the clock of `performance.now()`. */
  readonly untilMs: number;
}

export class InForce {
  #settings = DEFAULTS;
  /** Of the object that the settings came from; null: nobody set any. */
  #version: string | null = null;
  #credentialsEpoch = 0;
  readonly #held = new Map<string, Held & { readonly timer: NodeJS.Timeout }>();
  readonly #listeners: (() => void)[] = [];

  get settings(): Settings {
    return this.#settings;
  }
  get version(): string | null {
    return this.#version;
  }
  get held(): readonly Held[] {
    return [...this.#held.values()].map(({ id, change, untilMs }) => ({ id, change, untilMs }));
  }
  /** The changes in one; faults of one kind do not overlap. */
  get change(): Change {
    return Object.assign({}, ...[...this.#held.values()].map((one) => one.change));
  }
  /** Another number: whatever was issued before is not handed out any more. */
  get credentialsEpoch(): number {
    return this.#credentialsEpoch;
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  setSettings(settings: Settings, version: string): void {
    if (version === this.#version) return;
    this.#settings = settings;
    this.#version = version;
    this.#credentialsEpoch += 1;
    this.#tell();
  }

  /** Holds the change for `leaseMs` from now; the same one again only renews it. */
  hold(id: string, change: Change, leaseMs: number): void {
    const before = this.#held.get(id);
    clearTimeout(before?.timer);
    const timer = setTimeout(() => this.release(id), leaseMs);
    this.#held.set(id, { id, change, untilMs: performance.now() + leaseMs, timer });
    if (JSON.stringify(before?.change) === JSON.stringify(change)) return;
    if (change.credentials !== undefined) this.#credentialsEpoch += 1;
    this.#tell();
  }

  /** Right if it is not held. */
  release(id: string): void {
    const held = this.#held.get(id);
    if (held === undefined) return;
    clearTimeout(held.timer);
    this.#held.delete(id);
    if (held.change.credentials !== undefined) this.#credentialsEpoch += 1;
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
