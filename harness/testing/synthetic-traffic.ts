/** An open-model load on the modelled pods, through an ingress that knows only what it was told. */
import { seeded } from "../plan/random.ts";
import type { LoadSummary, RequestColumns, TextColumn, UpstreamColumns } from "../types.ts";
import { PORT, type PodModel } from "./synthetic-pods.ts";

export interface TrafficSettings {
  readonly fromMs: number;
  readonly toMs: number;
  readonly ratePerSecond: number;
  readonly noise: number;
  readonly seed: number;
}
export interface Traffic {
  readonly requests: RequestColumns;
  readonly upstream: UpstreamColumns;
  readonly summary: LoadSummary;
}
/** The client's time-out. */
const TIMEOUT_MS = 5_000;

interface Row {
  readonly intended: number;
  readonly start: number;
  readonly end: number;
  readonly status: number;
  readonly error: string;
  readonly method: string;
  readonly pod: string;
  readonly address: string;
  readonly upstreamStatus: number;
}

export function syntheticTraffic(pods: readonly PodModel[], settings: TrafficSettings): Traffic {
  const random = seeded(settings.seed);
  const total = Math.floor(((settings.toMs - settings.fromMs) * settings.ratePerSecond) / 1_000);
  const rows: Row[] = [];
  for (let index = 0; index < total; index++) {
    const intended = settings.fromMs + (index * 1_000) / settings.ratePerSecond;
    const known = pods.filter((pod) => pod.routedFromMs <= intended && intended < pod.routedToMs);
    const pod = known[index % Math.max(1, known.length)];
    const start = intended + 0.05 + 0.4 * random.next();
    // Log-normal service time, about 3 ms at the median and 15 ms at p99.
    const normal = Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
    const serviceMs = 3 * Math.exp(0.68 * normal);
    rows.push({
      intended,
      start,
      method: index % 4 === 3 ? "POST" : "GET",
      ...answer(pod, start, serviceMs, random.next() < settings.noise),
    });
  }
  return { requests: requestColumns(rows), upstream: upstreamColumns(rows), summary: summaryOf(rows) };
}

function answer(pod: PodModel | undefined, start: number, serviceMs: number, unlucky: boolean) {
  if (pod === undefined) return { end: start + 1, status: 503, error: "", pod: "", address: "", upstreamStatus: 503 };
  const address = `${pod.ip}:${PORT}`;
  if (start > pod.goneMs) {
    // Nobody answers at the address any more: the dial hangs until the client gives up.
    return { end: start + TIMEOUT_MS, status: 0, error: "timeout", pod: "", address, upstreamStatus: 499 };
  }
  if (start > pod.closedMs || unlucky) {
    return { end: start + 0.8 + serviceMs / 4, status: 502, error: "", pod: "", address, upstreamStatus: 502 };
  }
  return { end: start + serviceMs, status: 200, error: "", pod: pod.name, address, upstreamStatus: 200 };
}

function requestColumns(rows: readonly Row[]): RequestColumns {
  return {
    length: rows.length,
    intendedMs: Float64Array.from(rows, (row) => row.intended),
    startMs: Float64Array.from(rows, (row) => row.start),
    endMs: Float64Array.from(rows, (row) => row.end),
    status: Uint16Array.from(rows, (row) => row.status),
    error: textColumn(rows.map((row) => row.error)),
    method: textColumn(rows.map((row) => row.method)),
    name: textColumn(rows.map(() => "checkout")),
    pod: textColumn(rows.map((row) => row.pod)),
    connection: textColumn(rows.map((_, index) => (index % 10 === 0 ? "new" : "pooled"))),
  };
}

function upstreamColumns(rows: readonly Row[]): UpstreamColumns {
  const sent = rows.filter((row) => row.address !== "");
  return {
    length: sent.length,
    startMs: Float64Array.from(sent, (row) => row.start + 0.2),
    endMs: Float64Array.from(sent, (row) => row.end - 0.1),
    status: Uint16Array.from(sent, (row) => row.upstreamStatus),
    address: textColumn(sent.map((row) => row.address)),
  };
}

/** A text column of any texts, as the readers of a run folder make it. */
export function textColumn(texts: readonly string[]): TextColumn {
  const values = [...new Set(texts)];
  const codes = new Map(values.map((value, code) => [value, code]));
  return { values, codes: Uint16Array.from(texts, (text) => codes.get(text) ?? 0) };
}

function summaryOf(rows: readonly Row[]): LoadSummary {
  return { offered: rows.length, started: rows.length, completed: rows.length, dropped: 0, late: 0, thresholds: [] };
}
