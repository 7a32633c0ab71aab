/** Where a pod is, and what keeps it from being anywhere. Pure. */
import type { KubeObject } from "../../cluster/kube.ts";

export interface Place {
  readonly uid: string;
  /** null: no node has it yet. */
  readonly node: string | null;
  readonly ready: boolean;
  readonly ending: boolean;
  readonly gone: boolean;
  /** The scheduler's reason for leaving it without a node. */
  readonly pending: string | null;
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly message?: string;
}

export function placeOf(pod: KubeObject, gone: boolean): Place {
  const conditions: readonly Condition[] = pod.status?.conditions ?? [];
  const scheduled = conditions.find((one) => one.type === "PodScheduled");
  const node: string | null = pod.spec?.nodeName ?? null;
  return {
    uid: pod.metadata.uid,
    node,
    ready: !gone && conditions.some((one) => one.type === "Ready" && one.status === "True"),
    ending: gone || pod.metadata.deletionTimestamp !== undefined,
    gone,
    pending: node === null && scheduled?.status === "False" ? (scheduled.message ?? null) : null,
  };
}

export function isSamePlace(a: Place, b: Place): boolean {
  return (Object.keys(a) as (keyof Place)[]).every((key) => a[key] === b[key]);
}
