/** What a load counts while it runs. */
import { messageOf } from "../../errors.ts";
import type { Exchange } from "../http/exchange.ts";
import type { LoadProgress } from "../protocol.ts";
import { Histogram } from "./histogram.ts";

/** An iteration that begins later than this after its due time counts as late. */
const LATE_MS = 10;

export class Counts {
  started = 0;
  completed = 0;
  dropped = 0;
  late = 0;
  requests = 0;
  failed = 0;
  interrupted = 0;
  readonly lateness = new Histogram();
  readonly #window = new Histogram();
  #windowGood = 0;
  #windowBad = 0;
  #lastError = "";

  /** Due by the schedule so far. */
  get offered(): number {
    return this.started + this.dropped;
  }

  began(lateMs: number): void {
    this.started++;
    this.lateness.add(lateMs);
    if (lateMs > LATE_MS) this.late++;
  }

  request(exchange: Exchange, intendedMs: number): void {
    const { status, error, errorMessage, endMs } = exchange;
    this.requests++;
    this.#window.add(endMs - intendedMs);
    if (error === "" && status < 400) {
      this.#windowGood++;
      return;
    }
    this.failed++;
    this.#windowBad++;
    this.#lastError = error === "" ? `status ${status}` : `${error}: ${errorMessage}`;
  }

  threw(error: unknown): void {
    this.#lastError = `the script threw: ${messageOf(error)}`;
  }

  /** Begins a new window. */
  progress(seconds: number, active: number): LoadProgress {
    const { offered, started, completed, dropped, late, requests, failed } = this;
    const window = {
      p50Ms: this.#window.quantile(0.5),
      p99Ms: this.#window.quantile(0.99),
      windowGood: this.#windowGood,
      windowBad: this.#windowBad,
      lastError: this.#lastError,
    };
    this.#window.clear();
    this.#windowGood = 0;
    this.#windowBad = 0;
    return { seconds, offered, started, completed, dropped, late, active, requests, failed, ...window };
  }
}
