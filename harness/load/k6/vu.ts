/** A virtual user: an instance of the script for itself, one iteration at a time. */
import { ConnectionPool } from "../http/client.ts";
import { CookieJar } from "./cookies.ts";
import type { Tags } from "./metrics.ts";
import type { ExpectedStatuses } from "./request.ts";

export class Vu {
  /** `__VU`, from 1; 0 while the script is only looked at. */
  readonly id: number;
  /** `__ITER`, from 0. */
  iteration = -1;
  /** Name of the scenario, and its tags with those of the run. */
  readonly scenario: string;
  readonly baseTags: Tags;
  /** Set by the script through `exec.vu.metrics.tags`. */
  readonly tags: Record<string, string> = {};
  readonly env: Record<string, string>;
  readonly connections = new ConnectionPool();
  readonly cookies = new CookieJar();
  /** Path of the groups around what runs now: `::checkout::pay`. */
  group = "";
  /**
   * When the next request was due by the schedule, milliseconds of CLOCK_MONOTONIC; null once an iteration's course
   * depends on the system under test, from then on a request is due when the script gets to it.
   */
  dueMs: number | null = null;
  /** Stopped in the middle of an iteration: nothing that it waits for ever comes. */
  interrupted = false;
  /** Iterations of this virtual user and of the whole scenario, from 0. */
  iterationInScenario = -1;
  /** Calls that wait and have not returned. */
  waiting = 0;
  #last: Promise<unknown> | null = null;
  expectedStatuses: ExpectedStatuses | null = null;

  constructor(id: number, scenario: string, baseTags: Tags, env: Readonly<Record<string, string>>) {
    this.id = id;
    this.scenario = scenario;
    this.baseTags = baseTags;
    this.env = { ...env };
  }

  /**
   * Starts a call that waits, after the one before it has returned: a script's calls never overlap in k6, although
   * here two async functions of the script could be in the middle of one.
   */
  inTurn<T>(start: () => Promise<T>): Promise<T> {
    const before = this.waiting > 0 ? this.#last : null;
    this.waiting++;
    const run = before === null ? start() : before.then(start, start);
    this.#last = run;
    const done = () => {
      this.waiting--;
    };
    run.then(done, done);
    return run;
  }

  interrupt(): void {
    this.interrupted = true;
    this.connections.interrupt();
  }

  /** `forEach` for callbacks that wait: one after the other, as in k6. */
  async forEachInTurn(list: Iterable<unknown> & object, callback: (...args: unknown[]) => unknown): Promise<void> {
    if (list instanceof Map) {
      for (const [key, value] of list) await callback(value, key, list);
      return;
    }
    let index = 0;
    for (const item of list) await callback(item, list instanceof Set ? item : index++, list);
  }

  /** `map` for callbacks that wait: one after the other, as in k6. */
  async mapInTurn(list: readonly unknown[], callback: (...args: unknown[]) => unknown): Promise<unknown[]> {
    const results: unknown[] = [];
    for (let index = 0; index < list.length; index++) results.push(await callback(list[index], index, list));
    return results;
  }
}
