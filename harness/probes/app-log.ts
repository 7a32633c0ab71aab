/** What the application itself says of its begin and its end: JSON lines with the monotonic time of each event. */
import type { WatchHandle } from "../cluster/kube.ts";
import type { JsonObject } from "../types.ts";
import type { ProbeContext } from "./probe.ts";

const EVENTS = [
  "listening",
  "sigterm",
  "listener-closed",
  "last-request",
  "exit",
  "first-act",
  "credentials",
  "no-credentials",
] as const;
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
  /** Follows the pod's log from its first line, waiting for it: a deleted pod takes its log along. */
  follow(pod: string): void;
  stop(): Promise<void>;
}

export function followAppLogs(name: string, context: ProbeContext): AppLogs {
  const followed = new Map<string, WatchHandle>();
  return {
    follow: (pod) => {
      if (followed.has(pod)) return;
      const onLine = (line: string) => {
        const parsed = parseAppLine(line);
        if (parsed === null) return;
        const { event, detail } = parsed;
        const t = context.clock.fromMonotonicNs(parsed.monotonicNs);
        context.observe({ t, probe: name, type: "app", pod, event, detail });
      };
      followed.set(pod, context.cluster.kube.followLog({ namespace: context.namespace, name: pod }, onLine));
    },
    stop: async () => {
      await Promise.all([...followed.values()].map((handle) => handle.stop()));
    },
  };
}
