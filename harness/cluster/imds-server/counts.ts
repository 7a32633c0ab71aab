/** Calls, counted where they arrive: by path, by caller and by role; readable at any time. */
import type { Call } from "./settings.ts";

export interface Counts {
  readonly calls: number;
  /** `GET /latest/…` with how often. */
  readonly byPath: Readonly<Record<string, number>>;
  readonly byCall: Readonly<Record<string, number>>;
  readonly byRole: Readonly<Record<string, number>>;
  readonly byStatus: Readonly<Record<string, number>>;
  readonly byCaller: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Of callers, by source address: found at the first try, found later, not found. */
  readonly lookups: { readonly first: number; readonly later: number; readonly notFound: number };
}

/** Callers and paths beyond this many are counted together, so that a churn of pods does not fill the memory. */
const MAX_KEYS = 20_000;

export class Counter {
  #calls = 0;
  readonly #byPath = new Map<string, number>();
  readonly #byCall = new Map<string, number>();
  readonly #byRole = new Map<string, number>();
  readonly #byStatus = new Map<string, number>();
  readonly #byCaller = new Map<string, Map<string, number>>();
  readonly #lookups = { first: 0, later: 0, notFound: 0 };

  arrived(who: string, call: Call, path: string): void {
    this.#calls += 1;
    add(this.#byPath, path);
    add(this.#byCall, call);
    const key = this.#byCaller.has(who) || this.#byCaller.size < MAX_KEYS ? who : "others";
    const calls = this.#byCaller.get(key) ?? new Map<string, number>();
    this.#byCaller.set(key, calls);
    add(calls, call);
  }

  /** Status 0: no answer was given. */
  answered(status: number): void {
    add(this.#byStatus, String(status));
  }

  handedOut(role: string): void {
    add(this.#byRole, role);
  }

  lookedUp(lookup: { readonly pod: unknown; readonly tries: number }): void {
    this.#lookups[lookup.pod === null ? "notFound" : lookup.tries === 1 ? "first" : "later"] += 1;
  }

  read(): Counts {
    return {
      calls: this.#calls,
      byPath: Object.fromEntries(this.#byPath),
      byCall: Object.fromEntries(this.#byCall),
      byRole: Object.fromEntries(this.#byRole),
      byStatus: Object.fromEntries(this.#byStatus),
      byCaller: Object.fromEntries([...this.#byCaller].map(([who, calls]) => [who, Object.fromEntries(calls)])),
      lookups: { ...this.#lookups },
    };
  }
}

function add(map: Map<string, number>, key: string): void {
  const known = map.has(key) || map.size < MAX_KEYS ? key : "others";
  map.set(known, (map.get(known) ?? 0) + 1);
}
