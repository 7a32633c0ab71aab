/** An open-model load on the modelled pods, through an ingress that knows only what it was told. */
import { seeded } from "../plan/random.ts";
import type { LoadSummary, RequestColumns, UpstreamColumns } from "../types.ts";
import { requestColumns, type UpstreamRow, upstreamColumns } from "./columns.ts";
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
  return { requests: requestColumns(rows), upstream: upstreamColumns(sentOn(rows)), summary: summaryOf(rows) };
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

function sentOn(rows: readonly Row[]): readonly UpstreamRow[] {
  return rows
    .filter((row) => row.address !== "")
    .map((row) => ({
      start: row.start + 0.2,
      end: row.end - 0.1,
      status: row.upstreamStatus,
      address: row.address,
    }));
}

function summaryOf(rows: readonly Row[]): LoadSummary {
  return { offered: rows.length, started: rows.length, completed: rows.length, dropped: 0, late: 0, thresholds: [] };
}
