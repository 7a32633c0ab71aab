/** The pods of a service as the API shows them: seen, ready, not ready, being deleted, gone. */
import type { KubeObject, WatchHandle } from "../cluster/kube.ts";
import { gapObserver, type ProbeContext } from "./probe.ts";

export type PodEvent = "seen" | "address" | "ready" | "not-ready" | "deleting" | "gone";

export interface PodState {
  readonly name: string;
  readonly ip: string | null;
  readonly node: string | null;
  readonly ready: boolean;
  readonly deleting: boolean;
  /** A container has begun, so that there is a log. */
  readonly started: boolean;
  readonly annotations: Readonly<Record<string, string>>;
}

export function podState(pod: KubeObject): PodState {
  const conditions: readonly { type: string; status: string }[] = pod.status?.conditions ?? [];
  const containers: readonly { state?: Record<string, unknown> }[] = pod.status?.containerStatuses ?? [];
  return {
    name: pod.metadata.name,
    ip: pod.status?.podIP ?? null,
    node: pod.spec?.nodeName ?? null,
    ready: conditions.some((one) => one.type === "Ready" && one.status === "True"),
    deleting: pod.metadata.deletionTimestamp !== undefined,
    started: containers.some((one) => one.state?.running !== undefined || one.state?.terminated !== undefined),
    annotations: pod.metadata.annotations ?? {},
  };
}

/** What happened to a pod between two states; `null`: there was none, or there is none any more. */
export function podEvents(before: PodState | null, after: PodState | null): readonly PodEvent[] {
  if (after === null) return before === null ? [] : ["gone"];
  const events: PodEvent[] = [];
  if (before === null) events.push("seen");
  if (after.ip !== null && (before?.ip ?? null) === null) events.push("address");
  if (after.deleting && before?.deleting !== true) events.push("deleting");
  if (after.ready && before?.ready !== true) events.push("ready");
  if (!after.ready && before?.ready === true) events.push("not-ready");
  return events;
}

/** Watches the pods of a selector. `onState` gets every state, for what hangs on pods (their logs, their addresses). */
export async function watchPods(
  name: string,
  selector: string,
  context: ProbeContext,
  onState: (state: PodState) => void,
): Promise<WatchHandle> {
  const known = new Map<string, PodState>();
  return context.cluster.kube.watch(
    { apiVersion: "v1", kind: "Pod", namespace: context.namespace },
    {
      labelSelector: selector,
      onGap: gapObserver(name, "pods", context),
      onEvent: ({ type, object, monotonicNs }) => {
        const state = podState(object);
        const before = known.get(state.name) ?? null;
        const t = context.clock.fromMonotonicNs(monotonicNs);
        for (const event of podEvents(before, type === "DELETED" ? null : state)) {
          // An ending pod may lose its address before it is gone.
          const ip = state.ip ?? before?.ip ?? null;
          context.observe({ t, probe: name, type: "pod", pod: state.name, ip, node: state.node, event });
        }
        if (type === "DELETED") known.delete(state.name);
        else known.set(state.name, state);
        onState(state);
      },
    },
  );
}
