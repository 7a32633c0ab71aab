/** What the application itself says of its end: JSON lines with the monotonic time of each event. */
import type { WatchHandle } from "../cluster/kube.ts";
import type { JsonObject } from "../types.ts";
import type { PodState } from "./pods.ts";
import type { ProbeContext } from "./probe.ts";

const EVENTS = ["listening", "sigterm", "listener-closed", "last-request", "exit"] as const;
type AppEvent = (typeof EVENTS)[number];

export interface AppLine {
  readonly event: AppEvent;
  readonly monotonicNs: bigint;
  readonly detail: JsonObject;
}

/** @returns null for every other line: an application may log what it likes. */
export function parseAppLine(line: string): AppLine | null {
  if (!line.startsWith("{")) return null;
  let parsed: Record<string, unknown>;
  try {
    parsed = JSON.parse(line);
  } catch {
    return null;
  }
  const { event, monotonicNs, pod: _, ...detail } = parsed;
  const known = EVENTS.find((one) => one === event);
  if (known === undefined || typeof monotonicNs !== "string" || !/^\d+$/.test(monotonicNs)) return null;
  return { event: known, monotonicNs: BigInt(monotonicNs), detail: detail as JsonObject };
}

export interface AppLogs {
  /** Follows the pod's log from its first line, once it has one: a deleted pod takes its log along. */
  see(pod: PodState): void;
  stop(): Promise<void>;
}

export function followAppLogs(name: string, context: ProbeContext): AppLogs {
  const followed = new Map<string, WatchHandle>();
  return {
    see: (pod) => {
      if (!pod.started || followed.has(pod.name)) return;
      const onLine = (line: string) => {
        const parsed = parseAppLine(line);
        if (parsed === null) return;
        const { event, detail } = parsed;
        const t = context.clock.fromMonotonicNs(parsed.monotonicNs);
        context.observe({ t, probe: name, type: "app", pod: pod.name, event, detail });
      };
      followed.set(pod.name, context.cluster.kube.followLog({ namespace: context.namespace, name: pod.name }, onLine));
    },
    stop: async () => {
      await Promise.all([...followed.values()].map((handle) => handle.stop()));
    },
  };
}
