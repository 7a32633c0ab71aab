/** Metrics of a run. Values are kept only where a threshold asks for them; everything else is in the samples. */

export type MetricType = "counter" | "gauge" | "rate" | "trend";
export type Tags = Readonly<Record<string, string>>;

/** k6's own metrics that a threshold can name. */
export const BUILT_IN: Readonly<Record<string, MetricType>> = {
  http_reqs: "counter",
  http_req_failed: "rate",
  http_req_duration: "trend",
  http_req_blocked: "trend",
  http_req_connecting: "trend",
  http_req_tls_handshaking: "trend",
  http_req_sending: "trend",
  http_req_waiting: "trend",
  http_req_receiving: "trend",
  iterations: "counter",
  iteration_duration: "trend",
  dropped_iterations: "counter",
  checks: "rate",
  group_duration: "trend",
  data_sent: "counter",
  data_received: "counter",
};

const PIECE = 8192;

/** Values of one metric, all or those with certain tags. */
export class Series {
  readonly type: MetricType;
  readonly filter: readonly (readonly [key: string, value: string])[];
  count = 0;
  sum = 0;
  last = 0;
  /** In pieces, so that growing copies nothing. */
  readonly #pieces: Float64Array[] = [];

  constructor(type: MetricType, filter: Series["filter"]) {
    this.type = type;
    this.filter = filter;
  }

  add(value: number): void {
    if (this.type === "trend") {
      const at = this.count % PIECE;
      if (at === 0) this.#pieces.push(new Float64Array(PIECE));
      (this.#pieces.at(-1) as Float64Array)[at] = value;
    }
    this.count++;
    this.sum += value;
    this.last = value;
  }

  /** Ascending; a trend's values only. */
  sorted(): Float64Array {
    const all = new Float64Array(this.#pieces.length * PIECE);
    this.#pieces.forEach((piece, index) => {
      all.set(piece, index * PIECE);
    });
    return all.subarray(0, this.count).sort();
  }
}

export class Metrics {
  readonly #types = new Map<string, MetricType>(Object.entries(BUILT_IN));
  readonly #series = new Map<string, Series[]>();

  /** Declares a metric of the script. @returns the type that it has already, where that is another one. */
  declare(name: string, type: MetricType): MetricType {
    const known = this.#types.get(name);
    if (known !== undefined) return known;
    this.#types.set(name, type);
    return type;
  }

  typeOf(name: string): MetricType | undefined {
    return this.#types.get(name);
  }

  /** Values from now on are kept in the returned series. */
  watch(name: string, filter: Series["filter"]): Series {
    const series = new Series(this.#types.get(name) ?? "trend", filter);
    this.#series.set(name, [...(this.#series.get(name) ?? []), series]);
    return series;
  }

  isWatched(name: string): boolean {
    return this.#series.has(name);
  }

  /** `tags` is asked only where a series has a filter. */
  add(name: string, value: number, tags: () => Tags): void {
    const all = this.#series.get(name);
    if (all === undefined) return;
    let known: Tags | null = null;
    for (const series of all) {
      if (series.filter.length > 0) {
        known ??= tags();
        const given = known;
        if (!series.filter.every(([key, wanted]) => given[key] === wanted)) continue;
      }
      series.add(value);
    }
  }
}

/** Linear interpolation between the two nearest ranks, as k6 does. `ascending` must not be empty; `p` is 0 to 100. */
export function percentile(ascending: ArrayLike<number>, p: number): number {
  const rank = (p / 100) * (ascending.length - 1);
  const below = ascending[Math.floor(rank)] ?? Number.NaN;
  const above = ascending[Math.ceil(rank)] ?? Number.NaN;
  return below + (above - below) * (rank - Math.floor(rank));
}
