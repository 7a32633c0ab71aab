/** One scenario under way: begins iterations by its executor, and sees each to its end. */
import { monotonicMs } from "../clock.ts";
import type { Scenario } from "../k6/options.ts";
import type { Vu } from "../k6/vu.ts";
import type { Schedule } from "./pacer-types.ts";

/** Timers count whole milliseconds and may fire almost one too early: what is due in the last one must not be lost. */
const TIMER_EARLY_MS = 2;

export interface VuInstance {
  readonly vu: Vu;
  /** One iteration. */
  readonly run: () => unknown;
  /** In the middle of an iteration. */
  busy: boolean;
}

/** What the engine does for its scenarios. */
export interface ScenarioHost {
  newVu(scenario: Scenario): VuInstance;
  iterationBegins(scenario: Scenario, dueMs: number, nowMs: number): void;
  /** `error` is what the script threw, undefined when it did not. */
  iterationEnds(vu: Vu, beganMs: number, error: unknown): void;
  dropped(scenario: Scenario, dueMs: number, nowMs: number): void;
  interrupted(): void;
  scenarioEnded(): void;
}

export class ScenarioRun {
  readonly scenario: Scenario;
  /** Begun so far, over all virtual users. */
  iterations = 0;
  ended = false;
  readonly #host: ScenarioHost;
  readonly #free: VuInstance[] = [];
  readonly #all: VuInstance[] = [];
  #active = 0;
  #startMs = 0;
  #next = 0;
  #closing = false;
  #timers: NodeJS.Timeout[] = [];

  constructor(scenario: Scenario, host: ScenarioHost) {
    this.scenario = scenario;
    this.#host = host;
  }

  get activeCount(): number {
    return this.#active;
  }
  /** 0 to 1. */
  get progress(): number {
    return Math.min(1, Math.max(0, (monotonicMs() - this.#startMs) / this.scenario.durationMs));
  }

  /** Creates the virtual users that the script wants before the start. */
  prepare(): void {
    const { scenario } = this;
    const wanted = scenario.executor === "constant-vus" ? scenario.vus : scenario.preAllocatedVUs;
    while (this.#all.length < wanted) this.#free.push(this.#create());
    // The list is taken from its end: the first one comes first.
    this.#free.reverse();
  }

  /** @returns the schedule that the pacer shall wake for; null for an executor without one. */
  begin(atMs: number): Schedule | null {
    const { scenario } = this;
    this.#startMs = atMs + scenario.startMs;
    const endMs = this.#startMs + scenario.durationMs;
    const inMs = endMs - monotonicMs() + TIMER_EARLY_MS;
    this.#timers.push(setTimeout(() => this.close(scenario.gracefulStopMs), inMs));
    if (scenario.executor === "constant-vus") {
      this.#timers.push(setTimeout(() => this.#beginVus(), this.#startMs - monotonicMs()));
      return null;
    }
    return { startMs: this.#startMs, intervalMs: 1000 / scenario.ratePerSecond, count: this.#count() };
  }

  /** Begins what is due by now. */
  due(): void {
    const { scenario } = this;
    if (scenario.executor !== "constant-arrival-rate" || this.#closing) return;
    const intervalMs = 1000 / scenario.ratePerSecond;
    const count = this.#count();
    for (; this.#next < count; this.#next++) {
      const dueMs = this.#startMs + this.#next * intervalMs;
      const now = monotonicMs();
      if (dueMs > now) return;
      const instance = this.#free.pop() ?? (this.#all.length < scenario.maxVUs ? this.#create() : undefined);
      if (instance === undefined) this.#host.dropped(scenario, dueMs, now);
      else this.#iterate(instance, dueMs, now);
    }
  }

  /** No iteration begins any more; those under way are cut off after `graceMs`. */
  close(graceMs: number): void {
    if (!this.#closing) this.due();
    this.#closing = true;
    this.#endWhenIdle();
    if (this.ended) return;
    this.#timers.push(
      setTimeout(() => {
        for (const { vu, busy } of this.#all) {
          if (busy) this.#host.interrupted();
          vu.interrupt();
        }
        this.#active = 0;
        this.#endWhenIdle();
      }, graceMs),
    );
  }

  #count(): number {
    const { scenario } = this;
    if (scenario.executor !== "constant-arrival-rate") return 0;
    return Math.round((scenario.ratePerSecond * scenario.durationMs) / 1000);
  }

  #create(): VuInstance {
    const instance = this.#host.newVu(this.scenario);
    this.#all.push(instance);
    return instance;
  }

  #beginVus(): void {
    const now = monotonicMs();
    if (this.#closing) return;
    for (const instance of this.#free.splice(0).reverse()) this.#iterate(instance, now, now);
  }

  #iterate(instance: VuInstance, dueMs: number, nowMs: number): void {
    const { vu } = instance;
    instance.busy = true;
    this.#active++;
    this.iterations++;
    vu.iteration++;
    vu.iterationInScenario++;
    vu.dueMs = dueMs;
    this.#host.iterationBegins(this.scenario, dueMs, nowMs);
    let result: unknown;
    try {
      result = instance.run();
    } catch (error) {
      this.#iterated(instance, nowMs, error);
      return;
    }
    if (result instanceof Promise) {
      result.then(
        () => this.#iterated(instance, nowMs, undefined),
        (error: unknown) => this.#iterated(instance, nowMs, error ?? new Error("undefined was thrown")),
      );
    } else this.#iterated(instance, nowMs, undefined);
  }

  #iterated(instance: VuInstance, beganMs: number, error: unknown): void {
    if (instance.vu.interrupted) return;
    instance.busy = false;
    this.#active--;
    this.#host.iterationEnds(instance.vu, beganMs, error);
    if (this.#closing) {
      this.#endWhenIdle();
      return;
    }
    if (this.scenario.executor === "constant-arrival-rate") {
      this.#free.push(instance);
      return;
    }
    // By way of the event loop: an iteration without any wait must not keep it from all others.
    setImmediate(() => {
      const now = monotonicMs();
      if (this.#closing) this.#endWhenIdle();
      else this.#iterate(instance, now, now);
    });
  }

  #endWhenIdle(): void {
    if (this.ended || !this.#closing || this.#active > 0) return;
    this.ended = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers = [];
    this.#host.scenarioEnded();
  }
}
