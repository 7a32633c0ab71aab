/** Every request that the ingress controller passed on to a pod of the arm, from its access log. */
import { setTimeout as sleep } from "node:timers/promises";
import { INGRESS } from "../cluster/ingress/traefik.ts";
import { FaultlineError } from "../errors.ts";
import type { ProbeContext } from "./probe.ts";
import type { UpstreamSink } from "./upstream-file.ts";

export interface AccessLine {
  /** When the controller took the request; wall time, milliseconds since 1970 with fractions. */
  readonly startWallMs: number;
  readonly durationMs: number;
  readonly status: number;
  /** `ip:port` of the pod that it chose. */
  readonly address: string;
}

/** @returns null for lines that are no request, or that went to no pod. */
export function parseAccessLine(line: string): AccessLine | null {
  if (!line.startsWith("{")) return null;
  let parsed: Record<string, unknown>;
  try {
    parsed = JSON.parse(line);
  } catch {
    return null;
  }
  const { StartUTC, Duration, DownstreamStatus, ServiceAddr } = parsed;
  if (typeof StartUTC !== "string" || typeof Duration !== "number") return null;
  if (typeof ServiceAddr !== "string" || ServiceAddr === "" || typeof DownstreamStatus !== "number") return null;
  const startWallMs = wallMs(StartUTC);
  if (startWallMs === null) return null;
  return { startWallMs, durationMs: Duration / 1e6, status: DownstreamStatus, address: ServiceAddr };
}

/** RFC 3339 in UTC with any number of digits behind the second; `Date.parse` keeps three of them. */
function wallMs(text: string): number | null {
  const match = /^(.+?)(\.\d+)?Z$/.exec(text);
  const whole = Date.parse(`${match?.[1]}Z`);
  return Number.isNaN(whole) ? null : whole + Number(match?.[2] ?? 0) * 1_000;
}

export interface IngressLog {
  /** From now on, and for what came before, requests to this address count. */
  addAddress(address: string): void;
  stop(): Promise<void>;
}

/** Lines of requests that ended with the load are under way for so long at the most, and come in one flow. */
const STOP_AT_LATEST_MS = 5_000;
const QUIET_MS = 500;
const LINES_KEPT_BEFORE_ADDRESS = 100_000;

/** Follows the logs of all pods of the controller from now on. */
export async function followIngressLog(context: ProbeContext, sink: UpstreamSink): Promise<IngressLog> {
  const { kube } = context.cluster;
  const { namespace, selector } = INGRESS;
  const pods = await kube.list({ apiVersion: "v1", kind: "Pod", namespace }, { labelSelector: selector });
  if (pods.length === 0) {
    throw new FaultlineError("cluster", `no ingress controller in namespace ${namespace}: its log cannot be read`);
  }
  const rows = createRows(context, sink);
  let lastLineMs = performance.now();
  const onLine = (line: string) => {
    lastLineMs = performance.now();
    const parsed = parseAccessLine(line);
    if (parsed !== null) rows.take(parsed);
  };
  const sinceTime = new Date().toISOString();
  const handles = pods.map((pod) => kube.followLog({ namespace, name: pod.metadata.name, sinceTime }, onLine));
  return {
    addAddress: rows.addAddress,
    stop: async () => {
      const deadline = performance.now() + STOP_AT_LATEST_MS;
      do await sleep(QUIET_MS);
      while (performance.now() - lastLineMs < QUIET_MS && performance.now() < deadline);
      await Promise.all(handles.map((handle) => handle.stop()));
      await sink.close();
    },
  };
}

/** Keeps back lines whose address is not known yet: a log line may overtake the watch that tells of its pod. */
export function createRows(context: Pick<ProbeContext, "clock">, sink: Pick<UpstreamSink, "append">) {
  const addresses = new Set<string>();
  let early: AccessLine[] = [];
  const append = (line: AccessLine) => {
    const startMs = context.clock.fromWallMs(line.startWallMs);
    sink.append({ startMs, endMs: startMs + line.durationMs, status: line.status, address: line.address });
  };
  return {
    take(line: AccessLine): void {
      if (addresses.has(line.address)) append(line);
      else if (early.length < LINES_KEPT_BEFORE_ADDRESS) early.push(line);
    },
    addAddress(address: string): void {
      if (addresses.has(address)) return;
      addresses.add(address);
      for (const line of early.filter((one) => one.address === address)) append(line);
      early = early.filter((one) => one.address !== address);
    },
  };
}
