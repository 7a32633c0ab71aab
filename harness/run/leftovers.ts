/** What of ours is left in a cluster: looked for everywhere a fault can have been, whatever any journal says. */

import { isImdsInstalled, readMocks } from "../cluster/imds/mocks.ts";
import { LABEL_OWNER, LABEL_RUN, OWNER } from "../cluster/labels.ts";
import type { ClusterHandle, NodeHandle } from "../cluster/provider.ts";
import { messageOf } from "../errors.ts";

/** A thing that should not be there any more, and where: `iptables -A OUTPUT …`, on `faultline-x-worker`. */
export interface Leftover {
  readonly where: string;
  readonly what: string;
}

/** Objects that runs and faults make carry the run's label; the ingress controller and our namespace do not. */
const KINDS = [
  ["v1", "Namespace"],
  ["v1", "Pod"],
  ["v1", "Service"],
  ["v1", "Secret"],
  ["v1", "ConfigMap"],
  ["v1", "ServiceAccount"],
  ["apps/v1", "DaemonSet"],
  ["apps/v1", "Deployment"],
  ["batch/v1", "Job"],
  ["networking.k8s.io/v1", "Ingress"],
  ["discovery.k8s.io/v1", "EndpointSlice"],
  ["rbac.authorization.k8s.io/v1", "Role"],
  ["rbac.authorization.k8s.io/v1", "RoleBinding"],
  ["rbac.authorization.k8s.io/v1", "ClusterRole"],
  ["rbac.authorization.k8s.io/v1", "ClusterRoleBinding"],
  ["certificates.k8s.io/v1", "CertificateSigningRequest"],
] as const;

const TIMEOUT_MS = 60_000;

/**
 * A line for each thing on the node that carries our name, or that only faults put there. Network namespaces once each.
 * The metadata mock, and with it the claim of its address, stays with the cluster like the ingress controller.
 */
const LOOK = `
ls -1 /run/faultline 2>/dev/null | sed 's#^#folder /run/faultline/#'
systemctl list-units --all --plain --no-legend 'faultline-*' 2>/dev/null | grep -v faultline-imds-claim | sed -E 's#^ *([^ ]+).*#unit \\1#'
ls -1 /run/systemd/system/*/*faultline* 2>/dev/null | sed 's#^#file #'
find /sys/fs/cgroup -type d -name 'faultline-*' 2>/dev/null | sed 's#^#cgroup #'
[ -e /etc/systemd/system/faultline-imds-claim.service ] || ip route show type blackhole 2>/dev/null | grep -F 169.254.169.254 | sed 's#^#route #'
[ -e /etc/systemd/system/faultline-imds-claim.service ] || ip -o address show 2>/dev/null | grep -F 169.254.169.254 | sed -E 's#.*inet ([^ ]+).*#address \\1#'
seen=
for pid in $(ls /proc | grep -E '^[0-9]+$'); do
  ns=$(readlink "/proc/$pid/ns/net" 2>/dev/null) || continue
  case " $seen " in *" $ns "*) continue;; esac
  seen="$seen $ns"
  nsenter -t "$pid" -n iptables-save 2>/dev/null | grep -F faultline: | sed -E 's#\\[[0-9]+:[0-9]+\\]##; s#^#iptables #'
  nsenter -t "$pid" -n tc qdisc show 2>/dev/null | grep -E '^qdisc (netem|tbf|ingress|clsact|prio|htb) ' | sed 's#^#qdisc #'
done
true`;

/** @returns all that is left, and what could not be looked at; empty means clean. */
export async function leftovers(cluster: ClusterHandle): Promise<readonly Leftover[]> {
  const nodes = await cluster.nodes();
  const found = await Promise.all([
    objectsLeft(cluster),
    marksLeft(cluster),
    changesLeft(cluster),
    ...nodes.map(onNode),
  ]);
  return found.flat();
}

async function objectsLeft({ kube, name }: ClusterHandle): Promise<Leftover[]> {
  const labelSelector = `${LABEL_OWNER}=${OWNER},${LABEL_RUN}`;
  const lists = await Promise.all(
    KINDS.map(async ([apiVersion, kind]) => {
      const objects = await kube.list({ apiVersion, kind }, { labelSelector });
      return objects.map(({ metadata }) => `${kind} ${metadata.namespace ?? ""}/${metadata.name}`.replace(" /", " "));
    }),
  );
  return lists.flat().map((what) => ({ where: name, what }));
}

/** Taints, labels and annotations of ours on nodes. */
async function marksLeft({ kube }: ClusterHandle): Promise<Leftover[]> {
  const nodes = await kube.list({ apiVersion: "v1", kind: "Node" });
  return nodes.flatMap(({ metadata, spec }) => {
    const keys = [
      ...(spec.taints ?? []).map((taint: { key: string }) => ["taint", taint.key]),
      ...Object.keys(metadata.labels ?? {}).map((key) => ["label", key]),
      ...Object.keys(metadata.annotations ?? {}).map((key) => ["annotation", key]),
    ];
    return keys
      .filter(([, key]) => key.startsWith("faultline.dev/"))
      .map(([word, key]) => ({ where: metadata.name as string, what: `${word} ${key}` }));
  });
}

/** What faults laid over the metadata mock. */
async function changesLeft(cluster: ClusterHandle): Promise<Leftover[]> {
  if (!(await isImdsInstalled(cluster))) return [];
  const mocks = await readMocks(cluster).catch((error: unknown) => messageOf(error));
  if (typeof mocks === "string") return [{ where: cluster.name, what: `metadata mock could not be asked: ${mocks}` }];
  return mocks.flatMap(({ node, held }) => held.map(({ id }) => ({ where: node, what: `metadata mock holds ${id}` })));
}

async function onNode(node: NodeHandle): Promise<Leftover[]> {
  try {
    const { stdout } = await node.exec(["bash", "-s"], { timeoutMs: TIMEOUT_MS, input: LOOK });
    return stdout
      .split("\n")
      .filter((line) => line !== "")
      .map((what) => ({ where: node.name, what }));
  } catch (error) {
    return [{ where: node.name, what: `could not be looked at: ${messageOf(error)}` }];
  }
}
