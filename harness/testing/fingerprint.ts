/** What faults and runs can touch in a cluster, as data to compare before and after: as it is, not only what is ours. */
import { LABEL_OWNER, OWNER, SYSTEM_NAMESPACE } from "../cluster/labels.ts";
import type { ClusterHandle, NodeHandle } from "../cluster/provider.ts";
import { leftovers } from "../run/leftovers.ts";

/**
 * A line for each thing of a node that a fault could change. Left out is what comes and goes with any pod (its veth and
 * route, the rules of kube-proxy and of the port map) and the ports of the engine's DNS, new at each start of a node.
 */
const LOOK = `
for file in /sys/fs/cgroup/cpu*/cpu.cfs_quota_us /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/cpu.max /sys/fs/cgroup/memory.max; do
  [ -e "$file" ] && echo "limit $file $(cat "$file")"
done
tc qdisc show | grep -v ' dev veth' | sed 's#^#qdisc #'
iptables-save | sed -E 's#\\[[0-9]+:[0-9]+\\]##' | grep -E '^-A' | grep -Ev 'KUBE-|CNI-|DOCKER_' | sed 's#^#iptables #'
ip route show | grep -v ' dev veth' | sed 's#^#route #'
ip route show type blackhole | sed 's#^#route #'
ip -o address show dev lo | sed -E 's#.*inet6? ([^ ]+).*#address \\1#'
systemctl show kubelet containerd --property=Id,ActiveState,DropInPaths | tr '\\n' ' ' | sed 's#^#services #'; echo
tr '\\0' ' ' < "/proc/$(systemctl show kubelet --property=MainPID --value)/cmdline" | sed 's#^#kubelet #'; echo
sha256sum /etc/kubernetes/manifests/* /var/lib/kubelet/config.yaml 2>/dev/null | sed 's#^#file #'
true`;

export interface Fingerprint {
  /** Objects that carry our label, but for the run lock's holder. */
  readonly objects: readonly string[];
  /** Everything that `faultline verify-clean` would list. */
  readonly leftovers: readonly string[];
  /** Holder of the cluster's lock. */
  readonly lock: string;
  /** Conditions, taints, cordons and component arguments of nodes, from the API and from the nodes themselves. */
  readonly nodes: readonly string[];
}

const KINDS = [
  { apiVersion: "v1", kind: "Service" },
  { apiVersion: "networking.k8s.io/v1", kind: "Ingress" },
  { apiVersion: "v1", kind: "Namespace" },
] as const;

export async function fingerprint(cluster: ClusterHandle): Promise<Fingerprint> {
  const { kube } = cluster;
  const labelSelector = `${LABEL_OWNER}=${OWNER}`;
  const lists = await Promise.all(KINDS.map(async (kind) => kube.list(kind, { labelSelector })));
  const [left, nodeObjects, handles, lock] = await Promise.all([
    leftovers(cluster),
    kube.list({ apiVersion: "v1", kind: "Node" }),
    cluster.nodes(),
    kube.get({
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      namespace: SYSTEM_NAMESPACE,
      name: "faultline-run",
    }),
  ]);
  const onNodes = await Promise.all(handles.map(linesOf));
  const addresses = await addressesOf(handles);
  return {
    objects: lists
      .flatMap((list, i) =>
        list.map(({ metadata }) => `${KINDS[i]?.kind} ${metadata.namespace ?? ""}/${metadata.name}`),
      )
      .sort(),
    leftovers: left.map(({ where, what }) => `${where}: ${what}`).sort(),
    lock: lock?.spec?.holderIdentity ?? "",
    nodes: [...nodeObjects.flatMap(marksOf), ...onNodes.flat().map((line) => named(line, addresses))].sort(),
  };
}

function marksOf({ metadata, spec, status }: { metadata: { name: string }; spec: Spec; status: Status }): string[] {
  return [
    `${metadata.name} unschedulable ${spec.unschedulable ?? false}`,
    ...(spec.taints ?? []).map(({ key, effect }) => `${metadata.name} taint ${key}:${effect}`),
    ...(status.conditions ?? []).map(({ type, status: value }) => `${metadata.name} ${type} ${value}`),
  ];
}
interface Spec {
  readonly unschedulable?: boolean;
  readonly taints?: readonly { readonly key: string; readonly effect: string }[];
}
interface Status {
  readonly conditions?: readonly { readonly type: string; readonly status: string }[];
}

/** A node that was down may come back with another address, where another container took its own meanwhile. */
async function addressesOf(nodes: readonly NodeHandle[]): Promise<ReadonlyMap<string, string>> {
  const states = await Promise.all(
    nodes.map(async ({ name, container }) => [(await container?.state())?.address, name] as const),
  );
  return new Map(states.filter((row): row is [string, string] => row[0] !== undefined && row[0] !== ""));
}

const named = (line: string, addresses: ReadonlyMap<string, string>): string =>
  line.replace(/\d+\.\d+\.\d+\.\d+(?![\d.])/g, (address) => addresses.get(address) ?? address);

async function linesOf(node: NodeHandle): Promise<string[]> {
  const state = await node.container?.state();
  const { stdout } = await node.exec(["bash", "-s"], { timeoutMs: 30_000, input: LOOK });
  const lines = stdout.split("\n").filter((line) => line.trim() !== "");
  return [`container ${state?.status}`, ...lines].map((line) => `${node.name} ${line.trim()}`);
}
