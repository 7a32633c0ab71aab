/** Thresholds of k6: `http_req_duration{name:get}: ["p(95)<200"]`. */
import { type Metrics, type MetricType, percentile, type Series } from "./metrics.ts";

type Aggregation = "avg" | "min" | "max" | "med" | "p" | "count" | "rate" | "value";
const ALLOWED: Readonly<Record<MetricType, readonly Aggregation[]>> = {
  counter: ["count", "rate"],
  gauge: ["value"],
  rate: ["rate"],
  trend: ["avg", "min", "max", "med", "p", "count"],
};
const COMPARE: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  "<": (a, b) => a < b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  ">=": (a, b) => a >= b,
  "==": (a, b) => a === b,
  "===": (a, b) => a === b,
  "!=": (a, b) => a !== b,
};

export interface Threshold {
  /** As written, with its tags. */
  readonly metric: string;
  readonly expression: string;
  readonly name: string;
  readonly filter: Series["filter"];
  readonly aggregation: Aggregation;
  /** Of `p(…)`, 0 to 100. */
  readonly percentile: number;
  readonly operator: string;
  readonly limit: number;
}

export interface ThresholdResult {
  readonly metric: string;
  readonly expression: string;
  /** null: there were no samples, which is neither kept nor broken. */
  readonly ok: boolean | null;
  readonly value: number | null;
}

/** @returns what is wrong, as text, instead of a threshold. */
export function parseThreshold(metric: string, expression: string): Threshold | string {
  const key = /^([A-Za-z_][\w]*)(?:\{(.*)\})?$/.exec(metric.trim());
  const name = key?.[1];
  if (name === undefined) return `"${metric}" is no metric; write name or name{tag:value}`;
  const filter: [string, string][] = [];
  for (const part of (key?.[2] ?? "").split(",")) {
    if (part.trim() === "") continue;
    const colon = part.indexOf(":");
    if (colon <= 0) return `"${part.trim()}" in "${metric}" is no tag:value`;
    filter.push([
      part.slice(0, colon).trim(),
      part
        .slice(colon + 1)
        .trim()
        .replace(/^(["'])(.*)\1$/, "$2"),
    ]);
  }
  const parts =
    /^\s*(avg|min|max|med|count|rate|value|p\(\s*(\d+(?:\.\d+)?)\s*\))\s*(<=|>=|===|==|!=|<|>)\s*(-?\d+(?:\.\d+)?)\s*$/.exec(
      expression,
    );
  const [, what, rank, operator, limit] = parts ?? [];
  if (what === undefined || operator === undefined) {
    return `"${expression}" is no threshold; write for instance p(95)<200, avg<100, rate<0.01, count>=60`;
  }
  const p = rank === undefined ? 0 : Number(rank);
  if (p > 100) return `"${expression}": a percentile is 0 to 100`;
  const aggregation = (rank === undefined ? what : "p") as Aggregation;
  return { metric, expression, name, filter, aggregation, percentile: p, operator, limit: Number(limit) };
}

/** Why this threshold cannot be about this metric, "" where it can. */
export function thresholdMismatch(threshold: Threshold, metrics: Metrics): string {
  const type = metrics.typeOf(threshold.name);
  if (type === undefined) return `there is no metric "${threshold.name}"`;
  const allowed = ALLOWED[type];
  if (allowed.includes(threshold.aggregation)) return "";
  const names = allowed.map((name) => (name === "p" ? "p(N)" : name)).join(", ");
  return `"${threshold.expression}": ${threshold.name} is a ${type}, which has ${names}`;
}

/** `seconds`: length of the run, for the rate of a counter. */
export function evaluateThreshold(threshold: Threshold, series: Series, seconds: number): ThresholdResult {
  const { metric, expression } = threshold;
  if (series.count === 0) return { metric, expression, ok: null, value: null };
  const value = aggregate(threshold, series, seconds);
  const ok = COMPARE[threshold.operator]?.(value, threshold.limit) ?? false;
  return { metric, expression, ok, value };
}

function aggregate(threshold: Threshold, series: Series, seconds: number): number {
  const { aggregation } = threshold;
  if (series.type === "counter") return aggregation === "count" ? series.sum : series.sum / seconds;
  if (series.type === "rate") return series.sum / series.count;
  if (series.type === "gauge") return series.last;
  if (aggregation === "avg") return series.sum / series.count;
  if (aggregation === "count") return series.count;
  const rank = { min: 0, max: 100, med: 50 }[aggregation as "min" | "max" | "med"] ?? threshold.percentile;
  return percentile(series.sorted(), rank);
}
