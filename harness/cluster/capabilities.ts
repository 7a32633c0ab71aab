/** What a cluster must allow before a fault can work there, and how each is found out: by looking, never by assuming. */
import { messageOf } from "../errors.ts";
import { missingImds } from "./imds/install.ts";
import { INGRESS } from "./ingress/traefik.ts";
import { askKubelet, internalIpOf, KUBELET_PORT } from "./kubelet-port.ts";
import type { ClusterHandle, NodeHandle } from "./provider.ts";

/**
 * `node-exec`: programs can be run on nodes. `ingress`: the harness's ingress controller is installed.
 * `certificate-signing`: the control plane's certificate authority can be used. `iptables`: nodes have it.
 * `node-container`: nodes can be paused, killed and started as containers of this machine. `kubelet-port`: the kubelets
 * can be asked from this machine, so that what they do is seen without them telling the API server.
 * `container-runtime`: crictl on every node talks to its runtime, and the pods' cgroups can be seen there.
 * `cluster-dns`: the cluster's DNS is the service kube-system/kube-dns, with an IPv4 address.
 * `pod-forwarding`: the network of a pod passes packets on, so that what comes in can be sent elsewhere from there.
 * `packet-probe`: programs on nodes can send from the network of a pod, so that what the network does can be measured.
 * `packet-loss`: the kernel drops packets by chance. `packet-queue`: it hands packets to a program.
 * `packet-limit`: it drops packets over a rate.
 * `io-throttle`: the kernel limits the writes of single control groups, as version 1 of them does.
 * `imds`: the metadata mock is installed and every node has claimed its address.
 */
export type Capability =
  | "node-exec"
  | "node-container"
  | "kubelet-port"
  | "container-runtime"
  | "ingress"
  | "certificate-signing"
  | "iptables"
  | "cluster-dns"
  | "pod-forwarding"
  | "packet-probe"
  | "packet-loss"
  | "packet-queue"
  | "packet-limit"
  | "io-throttle"
  | "imds";

/** Resolves when the capability is there; otherwise throws or returns the reason. */
type Check = (cluster: ClusterHandle) => Promise<string | null>;

const LOOK_TIMEOUT_MS = 15_000;

const CHECKS: Readonly<Record<Capability, Check>> = {
  "node-exec": async (cluster) => {
    const nodes = await cluster.nodes();
    if (nodes.length === 0) return "the nodes are no containers of this machine";
    await Promise.all(nodes.map((node) => node.exec(["true"], { timeoutMs: LOOK_TIMEOUT_MS })));
    return null;
  },
  "node-container": async (cluster) => {
    const containers = (await cluster.nodes()).flatMap(({ container }) => (container === undefined ? [] : [container]));
    if (containers.length === 0) {
      return "the nodes are no containers of this machine, so that none can be paused, killed or started from here; stopping the processes inside was considered: it is not the same, and node.kubelet-stop does the part of it that can be undone";
    }
    await Promise.all(containers.map(({ cpuUsageMs }) => cpuUsageMs()));
    return null;
  },
  "kubelet-port": async ({ kube }) => {
    const nodes = await kube.list({ apiVersion: "v1", kind: "Node" });
    const answers = await Promise.all(nodes.map(async (node) => askKubelet(internalIpOf(node), LOOK_TIMEOUT_MS)));
    if (answers.every(({ reached }) => reached === "tls")) return null;
    return `port ${KUBELET_PORT} of the nodes cannot be reached from this machine; what the API server says of nodes was considered, and it learns of a silent node only after 50 s`;
  },
  "container-runtime": async (cluster) => {
    const nodes = await cluster.nodes();
    if (nodes.length === 0) {
      return "no program can be run on the nodes, so that what happens to containers could only be read from the API, which the faults go through themselves; asking the kubelet's own port was considered: it tells of pods, not of what its runtime did";
    }
    const look = "crictl version && test -d /sys/fs/cgroup";
    await Promise.all(nodes.map((node) => node.exec(["sh", "-c", look], { timeoutMs: LOOK_TIMEOUT_MS })));
    return null;
  },
  ingress: async (cluster) => {
    if (cluster.ingressUrl === null) return 'no ingress controller is installed; set cluster.ingress to "traefik"';
    const ref = { apiVersion: "apps/v1", kind: "Deployment", namespace: INGRESS.namespace, name: INGRESS.name };
    return (await cluster.kube.get(ref)) === null
      ? `there is no Deployment ${INGRESS.namespace}/${INGRESS.name}`
      : null;
  },
  "certificate-signing": async (cluster) => {
    const node = (await cluster.nodes()).find(({ role }) => role === "control-plane");
    if (node === undefined) return "the control plane is no container of this machine";
    const { exitCode } = await node.exec(["test", "-r", "/etc/kubernetes/pki/ca.key"], {
      timeoutMs: LOOK_TIMEOUT_MS,
      accept: [0, 1],
    });
    return exitCode === 0 ? null : `${node.name} has no /etc/kubernetes/pki/ca.key`;
  },
  "cluster-dns": async ({ kube }) => {
    const service = await kube.get({ apiVersion: "v1", kind: "Service", namespace: "kube-system", name: "kube-dns" });
    if (/^\d+\.\d+\.\d+\.\d+$/.test(service?.spec?.clusterIP ?? "")) return null;
    return "there is no service kube-system/kube-dns with an IPv4 address, so that queries could not be redirected; changing resolv.conf in the pods was considered: it is read-only there, and resolvers read it once";
  },
  imds: missingImds,
  iptables: async (cluster) => {
    const nodes = await cluster.nodes();
    if (nodes.length === 0) return "the nodes are no containers of this machine";
    const listed = ["iptables", "-w", "5", "-t", "nat", "-S", "OUTPUT"];
    await Promise.all(nodes.map((node) => node.exec(listed, { timeoutMs: LOOK_TIMEOUT_MS })));
    return null;
  },
  "pod-forwarding": (cluster) =>
    onEachNode(
      cluster,
      // As the runtime makes it for a pod: with the node's own setting.
      "unshare --net grep -qx 1 /proc/sys/net/ipv4/ip_forward",
      "the network of a pod does not pass packets on (net.ipv4.ip_forward is off), so that no request could be sent to a proxy from there; redirecting on the node was considered: what comes through a Service is translated there already, and that happens once to a connection",
    ),
  "packet-probe": (cluster) =>
    onEachNode(
      cluster,
      "unshare --net perl -MSocket -MTime::HiRes=clock_gettime -e 1",
      "nodes have no perl that can send packets from the network of a pod, so that no effect could be measured; a pod of our own beside the target was considered: it has a network of its own, and shows nothing of the target's",
    ),
  "packet-loss": (cluster) =>
    onEachNode(
      cluster,
      "unshare --net iptables -w 5 -A FORWARD -m statistic --mode random --probability 0.5 -j DROP",
      "iptables has no match `statistic`; netem was considered: it loses whatever leaves an interface, not what goes to chosen peers",
    ),
  "packet-queue": (cluster) =>
    onEachNode(
      cluster,
      "unshare --net iptables -w 5 -t mangle -A FORWARD -j NFQUEUE --queue-num 1 --queue-bypass && ls /proc/net/netfilter/nfnetlink_queue > /dev/null",
      "the kernel hands no packets to programs (nfnetlink_queue); netem and tbf were considered: they work on whatever leaves an interface, not on what goes to chosen peers or comes from them",
    ),
  "packet-limit": (cluster) =>
    onEachNode(
      cluster,
      "unshare --net iptables -w 5 -A OUTPUT -m hashlimit --hashlimit-above 5/sec --hashlimit-burst 5 --hashlimit-name look -j DROP",
      "iptables has no match `hashlimit`; flooding the server with queries was considered: how much it takes is not bounded, and it takes the machine's CPUs from everybody",
    ),
  "io-throttle": (cluster) =>
    onEachNode(
      cluster,
      "test -w /sys/fs/cgroup/blkio/blkio.throttle.write_iops_device",
      "the kernel shows no limit of writes for single control groups (blkio of version 1); io.max of version 2 was considered: kubelets do not hand the io controller down to their pods; keeping the disk busy was considered: all nodes of a machine share it, and so does the machine",
    ),
};

/** @returns the reason when a script fails on one of the nodes, with what it said. */
async function onEachNode(cluster: ClusterHandle, script: string, reason: string): Promise<string | null> {
  const nodes = await cluster.nodes();
  if (nodes.length === 0) return "the nodes are no containers of this machine";
  const run = async (node: NodeHandle) => {
    const { exitCode, stderr } = await node.exec(["bash", "-c", script], { timeoutMs: LOOK_TIMEOUT_MS, accept: "any" });
    return exitCode === 0 ? [] : [`${node.name}: ${stderr.trim()}`];
  };
  const failed = (await Promise.all(nodes.map(run))).flat();
  return failed.length === 0 ? null : `${reason} (${failed.join("; ")})`;
}

/** Those of `needs` that the cluster lacks, each with the reason. */
export async function missingCapabilities(
  cluster: ClusterHandle,
  needs: readonly Capability[],
): Promise<ReadonlyMap<Capability, string>> {
  const found = await Promise.all(
    [...new Set(needs)].map(async (need) => [need, await CHECKS[need](cluster).catch(messageOf)] as const),
  );
  return new Map(found.filter((row): row is readonly [Capability, string] => row[1] !== null));
}
