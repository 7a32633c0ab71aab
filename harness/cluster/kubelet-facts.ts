/** What a kubelet says of itself, asked through the API server: the limits of its calls, and what it has counted. */
import type { Kube } from "./kube.ts";

/** How often it may call the API server: calls a second, and calls that may be saved up. */
export type Limits = { readonly qps: number; readonly burst: number };

/** What 0 or nothing stands for, from the kubelet's own help since Kubernetes 1.27. */
const DEFAULTS: Limits = { qps: 50, burst: 100 };

/** The configuration in force, flags included. */
export async function readLimits(kube: Kube, node: string): Promise<Limits> {
  const { kubeletconfig } = await kube.request("GET", `/api/v1/nodes/${node}/proxy/configz`);
  return { qps: kubeletconfig.kubeAPIQPS || DEFAULTS.qps, burst: kubeletconfig.kubeAPIBurst || DEFAULTS.burst };
}

/** Sums since the kubelet started. */
export interface KubeletCounts {
  /** Calls of the API server, and how long they waited for their turn: what the limiter itself counts. */
  readonly calls: number;
  readonly waitMs: number;
  /** Of these the reads (GET). One stands before each pod state that is published, while events are only written. */
  readonly reads: number;
  readonly readWaitMs: number;
  /** Pod states that were published, and how long that took from the change to the API server's answer. */
  readonly statuses: number;
  readonly statusMs: number;
}

export async function readKubeletCounts(kube: Kube, node: string): Promise<KubeletCounts> {
  return kubeletCountsIn(String(await kube.request("GET", `/api/v1/nodes/${node}/proxy/metrics`)));
}

/** Pure. */
export function kubeletCountsIn(metrics: string): KubeletCounts {
  const limiter = histogramIn(metrics, "rest_client_rate_limiter_duration_seconds");
  const reads = histogramIn(metrics, "rest_client_rate_limiter_duration_seconds", 'verb="GET"');
  const status = histogramIn(metrics, "kubelet_pod_status_sync_duration_seconds");
  return {
    ...{ calls: limiter.count, waitMs: limiter.sumMs, reads: reads.count, readWaitMs: reads.sumMs },
    ...{ statuses: status.count, statusMs: status.sumMs },
  };
}

/** Sums over all series that have this label; default: over all. */
function histogramIn(metrics: string, name: string, label = ""): { readonly sumMs: number; readonly count: number } {
  let sumMs = 0;
  let count = 0;
  for (const [line, what, value] of metrics.matchAll(
    new RegExp(`^${name}_(sum|count)(?:\\{[^}]*\\})? (\\S+)$`, "gm"),
  )) {
    if (!line.includes(label)) continue;
    if (what === "sum") sumMs += Number(value) * 1_000;
    else count += Number(value);
  }
  return { sumMs, count };
}
