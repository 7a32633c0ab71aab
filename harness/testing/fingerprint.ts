/** What faults and runs can touch in a cluster, as data to compare before and after. */
import { LABEL_OWNER, OWNER, SYSTEM_NAMESPACE } from "../cluster/labels.ts";
import type { ClusterHandle } from "../cluster/provider.ts";

/** Kinds whose objects a run may create. */
const KINDS = [
  { apiVersion: "v1", kind: "Namespace" },
  { apiVersion: "v1", kind: "Pod" },
  { apiVersion: "v1", kind: "Service" },
  { apiVersion: "v1", kind: "Secret" },
  { apiVersion: "v1", kind: "ConfigMap" },
  { apiVersion: "networking.k8s.io/v1", kind: "Ingress" },
  { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice" },
  { apiVersion: "certificates.k8s.io/v1", kind: "CertificateSigningRequest" },
  { apiVersion: "coordination.k8s.io/v1", kind: "Lease" },
] as const;

/** Walks the network namespaces of a node's processes; each namespace once. */
const RULES = `
for pid in $(ls /proc | grep -E '^[0-9]+$'); do
  ns=$(readlink /proc/$pid/ns/net 2>/dev/null) || continue
  case " $seen " in *" $ns "*) continue;; esac
  seen="$seen $ns"
  nsenter -t $pid -n iptables-save 2>/dev/null | grep -- faultline | sed -E 's/\\[[0-9]+:[0-9]+\\]//'
done
true`;

export interface Fingerprint {
  /** Objects that carry our label, but for the run lock's holder. */
  readonly objects: readonly string[];
  /** iptables rules of ours in any network namespace of any node. */
  readonly rules: readonly string[];
  /** Holder of the cluster's lock. */
  readonly lock: string;
  readonly taints: readonly string[];
}

export async function fingerprint(cluster: ClusterHandle): Promise<Fingerprint> {
  const labelSelector = `${LABEL_OWNER}=${OWNER}`;
  const lists = await Promise.all(KINDS.map(async (kind) => cluster.kube.list(kind, { labelSelector })));
  const objects = lists.flatMap((list, i) =>
    list
      .filter((object) => object.metadata.deletionTimestamp === undefined || KINDS[i]?.kind !== "Pod")
      .map((object) => `${KINDS[i]?.kind}/${object.metadata.namespace ?? ""}/${object.metadata.name}`),
  );
  const nodes = await cluster.nodes();
  const rules = await Promise.all(
    nodes.map(async (node) => (await node.exec(["bash", "-c", RULES], { timeoutMs: 30_000 })).stdout),
  );
  const lock = await cluster.kube.get({
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    namespace: SYSTEM_NAMESPACE,
    name: "faultline-run",
  });
  const nodeObjects = await cluster.kube.list({ apiVersion: "v1", kind: "Node" });
  return {
    objects: objects.filter((name) => !name.startsWith("Lease/")).sort(),
    rules: rules.flatMap((text) => text.split("\n").filter((line) => line !== "")).sort(),
    lock: lock?.spec?.holderIdentity ?? "",
    taints: nodeObjects
      .flatMap((node) => (node.spec.taints ?? []).map((taint: { key: string }) => `${node.metadata.name} ${taint.key}`))
      .sort(),
  };
}
