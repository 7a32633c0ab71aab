/** Whether the control plane has a node for a working one. */
import type { Kube } from "../../cluster/kube.ts";

/**
 * A kubelet renews its lease every 10 s, and the control plane waits 50 s for it: an older lease than this says that the
 * condition may be of before a fault. Milliseconds.
 */
const LEASE_FRESH_MS = 30_000;

export interface Serving {
  readonly gone: boolean;
  readonly serves: boolean;
  readonly saw: string;
}

/**
 * A node that is gone from the cluster is none that could be put right.
 * @param sinceMs its kubelet must have been heard of after this instant, in milliseconds since 1970.
 */
export async function isServing(kube: Kube, name: string, sinceMs = 0): Promise<Serving> {
  const leaseRef = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", namespace: "kube-node-lease", name };
  const [node, lease] = await Promise.all([kube.get({ apiVersion: "v1", kind: "Node", name }), kube.get(leaseRef)]);
  if (node === null) return { gone: true, serves: true, saw: "it is no node of the cluster any more" };
  const ready = node.status?.conditions?.find((one: { type: string }) => one.type === "Ready");
  const heardMs = Date.parse(lease?.spec?.renewTime ?? "1970-01-01T00:00:00Z");
  const ageMs = Date.now() - heardMs;
  return {
    gone: false,
    serves: ready?.status === "True" && ageMs < LEASE_FRESH_MS && heardMs >= sinceMs,
    saw: `the control plane says Ready ${ready?.status ?? "Unknown"}, heard of it ${Math.round(ageMs / 1_000)} s ago`,
  };
}
