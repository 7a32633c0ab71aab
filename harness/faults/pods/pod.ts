/** What a pod says of itself. */
import type { KubeObject } from "../../cluster/kube.ts";

export const isTerminating = (pod: KubeObject): boolean => pod.metadata.deletionTimestamp !== undefined;

export function isReady(pod: KubeObject): boolean {
  const conditions: readonly { type: string; status: string }[] = pod.status?.conditions ?? [];
  return conditions.some((one) => one.type === "Ready" && one.status === "True");
}

/** It serves, and nobody has asked it to end. */
export const isServing = (pod: KubeObject): boolean => isReady(pod) && !isTerminating(pod);
