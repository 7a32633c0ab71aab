/** The ingress controller's access log by the address that it chose. */
import type { UpstreamColumns } from "../types.ts";

interface UpstreamRequest {
  readonly startMs: number;
  readonly status: number;
}
export interface UpstreamLog {
  /** Requests to `ip:port` that the controller took in [fromMs, toMs), in the order of time. */
  requestsTo(address: string, fromMs: number, toMs: number): readonly UpstreamRequest[];
}

/** Reads the columns once; a log that is missing holds no requests. */
export function upstreamLogOf(upstream: UpstreamColumns | null): UpstreamLog {
  const byAddress = new Map<string, UpstreamRequest[]>();
  for (let row = 0; row < (upstream?.length ?? 0); row++) {
    const address = upstream?.address.values[upstream.address.codes[row] ?? 0] ?? "";
    const requests = byAddress.get(address) ?? [];
    requests.push({ startMs: upstream?.startMs[row] ?? 0, status: upstream?.status[row] ?? 0 });
    byAddress.set(address, requests);
  }
  for (const requests of byAddress.values()) requests.sort((a, b) => a.startMs - b.startMs);
  return {
    requestsTo: (address, fromMs, toMs) =>
      (byAddress.get(address) ?? []).filter(({ startMs }) => startMs >= fromMs && startMs < toMs),
  };
}
