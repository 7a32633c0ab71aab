/** Draining a node: the mark by which its cordon is known to be ours, and which pods an operator would evict. */
import type { Kube, KubeObject } from "../../cluster/kube.ts";
import { LABEL_FAULT, SYSTEM_NAMESPACE } from "../../cluster/labels.ts";
import { FaultlineError } from "../../errors.ts";

/** On the node; its value is the id of the fault. Only a cordon of ours is lifted by us. */
export const DRAINED_BY = "faultline.dev/drained-by";

const UNSCHEDULABLE_TAINT = "node.kubernetes.io/unschedulable";
const nodeRef = (name: string) => ({ apiVersion: "v1", kind: "Node", name }) as const;

export async function cordon(kube: Kube, node: string, id: string): Promise<void> {
  const annotations = { [DRAINED_BY]: id };
  await kube.patch(nodeRef(node), { metadata: { annotations }, spec: { unschedulable: true } });
}

/** Right if the node is gone, or its cordon is none of ours. */
export async function uncordon(kube: Kube, node: string, id: string): Promise<void> {
  const found = await kube.get(nodeRef(node));
  if (found?.metadata.annotations?.[DRAINED_BY] !== id) return;
  await kube.patch(nodeRef(node), { metadata: { annotations: { [DRAINED_BY]: null } }, spec: { unschedulable: null } });
}

/** For the lease on the node: the same, with the kubelet's own rights. */
export function uncordonScript(node: string): string {
  const lift = JSON.stringify({ metadata: { annotations: { [DRAINED_BY]: null } }, spec: { unschedulable: null } });
  return `export KUBECONFIG=/etc/kubernetes/kubelet.conf
owner=$(kubectl get node ${node} --ignore-not-found -o 'jsonpath={.metadata.annotations.${DRAINED_BY.replaceAll(".", "\\.")}}') || exit
[ "$owner" != "$ID" ] || kubectl patch node ${node} --type=merge -p '${lift}'`;
}

export interface Cordon {
  readonly gone: boolean;
  /** Id of the fault whose mark is on the node; empty: none. */
  readonly by: string;
  readonly unschedulable: boolean;
  /** The control plane's own taint, which follows. */
  readonly tainted: boolean;
}

export async function readCordon(kube: Kube, node: string): Promise<Cordon> {
  const found = await kube.get(nodeRef(node));
  const taints: readonly { key: string }[] = found?.spec.taints ?? [];
  return {
    gone: found === null,
    by: found?.metadata.annotations?.[DRAINED_BY] ?? "",
    unschedulable: found?.spec.unschedulable === true,
    tainted: taints.some(({ key }) => key === UNSCHEDULABLE_TAINT),
  };
}

/** Pods that a drain evicts: not those of DaemonSets, which come straight back, not static ones, not finished ones, not ours. */
export function isEvictable(pod: KubeObject): boolean {
  const { annotations = {}, labels = {}, ownerReferences = [], namespace } = pod.metadata;
  const fromFile = annotations["kubernetes.io/config.mirror"] !== undefined;
  const ofKubelet = !["api", undefined].includes(annotations["kubernetes.io/config.source"]);
  const ofDaemonSet = ownerReferences.some((owner: { kind: string }) => owner.kind === "DaemonSet");
  const finished = ["Succeeded", "Failed"].includes(pod.status?.phase);
  const ours = namespace === SYSTEM_NAMESPACE || labels[LABEL_FAULT] !== undefined;
  return !fromFile && !ofKubelet && !ofDaemonSet && !finished && !ours;
}

export const isUnmanaged = (pod: KubeObject): boolean => (pod.metadata.ownerReferences ?? []).length === 0;

/** What the API server has for the node. */
export async function evictablePods(kube: Kube, node: string): Promise<readonly KubeObject[]> {
  const pods = await kube.list({ apiVersion: "v1", kind: "Pod" }, { fieldSelector: `spec.nodeName=${node}` });
  return pods.filter(isEvictable);
}

/** What the node's kubelet itself still runs, asked through the API server. Names. */
export async function runningOn(kube: Kube, node: string): Promise<readonly string[]> {
  const { items } = await kube.request("GET", `/api/v1/nodes/${node}/proxy/pods`);
  return ((items ?? []) as KubeObject[])
    .filter(isEvictable)
    .map(({ metadata }) => `${metadata.namespace}/${metadata.name}`)
    .sort();
}

/** @returns why it is not evicted yet; null: it is, or is gone. @throws as `Kube.request`, but for a disruption budget. */
export async function evict(kube: Kube, pod: KubeObject): Promise<string | null> {
  const { namespace, name, uid } = pod.metadata;
  if (pod.metadata.deletionTimestamp !== undefined) return "it is ending";
  try {
    await kube.request("POST", `/api/v1/namespaces/${namespace}/pods/${name}/eviction`, {
      apiVersion: "policy/v1",
      kind: "Eviction",
      metadata: { name, namespace },
      deleteOptions: { preconditions: { uid } },
    });
    return "it was just evicted";
  } catch (error) {
    const status = error instanceof FaultlineError ? error.context.status : null;
    if (status === 404 || status === 409) return null;
    if (status === 429) return "its disruption budget does not allow it";
    throw error;
  }
}
