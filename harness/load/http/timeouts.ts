/**
 * Time-outs for thousands of requests without a timer for each: one list per length of time-out, in order of their
 * deadlines by nature, and one timer that looks at the heads.
 */
import { monotonicMs } from "../clock.ts";

/** What can time out. The list's links live in the entry itself, so that entering and leaving allocate nothing. */
export interface TimeoutEntry {
  deadlineMs: number;
  previous: TimeoutEntry | null;
  next: TimeoutEntry | null;
  list: TimeoutList | null;
  onTimeout(): void;
}
export interface TimeoutList {
  head: TimeoutEntry | null;
  tail: TimeoutEntry | null;
}

/** The timer looks no more often than this; a time-out is late by at most this much, never early. */
const GRANULARITY_MS = 5;

export class Timeouts {
  readonly #lists = new Map<number, TimeoutList>();
  #timer: NodeJS.Timeout | null = null;

  /** Calls `entry.onTimeout` in `timeoutMs` from `nowMs` unless removed before. */
  add(entry: TimeoutEntry, nowMs: number, timeoutMs: number): void {
    let list = this.#lists.get(timeoutMs);
    if (list === undefined) {
      list = { head: null, tail: null };
      this.#lists.set(timeoutMs, list);
    }
    entry.deadlineMs = nowMs + timeoutMs;
    entry.list = list;
    entry.previous = list.tail;
    entry.next = null;
    if (list.tail === null) list.head = entry;
    else list.tail.next = entry;
    list.tail = entry;
    if (this.#timer === null) this.#arm(timeoutMs);
    else if (list.head === entry) this.#rearm(nowMs);
  }

  remove(entry: TimeoutEntry): void {
    const list = entry.list;
    if (list === null) return;
    if (entry.previous === null) list.head = entry.next;
    else entry.previous.next = entry.next;
    if (entry.next === null) list.tail = entry.previous;
    else entry.next.previous = entry.previous;
    entry.list = null;
    entry.previous = null;
    entry.next = null;
  }

  #dueMs = Number.POSITIVE_INFINITY;

  #arm(inMs: number): void {
    const delay = Math.max(inMs, GRANULARITY_MS);
    this.#dueMs = monotonicMs() + delay;
    this.#timer = setTimeout(() => this.#sweep(), delay);
    this.#timer.unref();
  }

  /** A new list may be due before the timer; lists that were only empty for a moment are not. */
  #rearm(nowMs: number): void {
    const first = this.#firstDeadline();
    if (first + GRANULARITY_MS >= this.#dueMs) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#arm(first - nowMs);
  }

  #sweep(): void {
    this.#timer = null;
    const now = monotonicMs();
    for (const list of this.#lists.values()) {
      while (list.head !== null && list.head.deadlineMs <= now) {
        const entry = list.head;
        this.remove(entry);
        entry.onTimeout();
      }
    }
    if (this.#timer !== null) return;
    const first = this.#firstDeadline();
    if (first !== Number.POSITIVE_INFINITY) this.#arm(first - now);
  }

  #firstDeadline(): number {
    let first = Number.POSITIVE_INFINITY;
    for (const list of this.#lists.values()) {
      if (list.head !== null && list.head.deadlineMs < first) first = list.head.deadlineMs;
    }
    return first;
  }
}
