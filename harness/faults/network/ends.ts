/** The two ends of the traffic that a network fault hits, as addresses. */
import { isIPv4 } from "node:net";
import type { KubeObject } from "../../cluster/kube.ts";
import { FaultlineError } from "../../errors.ts";
import type { FaultSpec, NetworkPeers, NodeTargets, PodTargets } from "../../fault-specs.ts";
import type { FaultContext } from "../fault.ts";
import { isReady } from "../pods/pod.ts";
import { chooseNodes, choosePods, type PodTarget, targetProblems } from "../targets.ts";

export type EndsSpec = Pick<
  Extract<FaultSpec, { readonly kind: "network.partition" }>,
  "pods" | "nodes" | "peers" | "direction"
>;
/** An address that a pod or a node has. */
export type End = {
  readonly name: string;
  readonly ip: string;
  readonly node: string;
  readonly isNode: boolean;
};
/** A pod as a watch knows it, or a node. */
export type Target = PodTarget | End;
export type Peers = {
  /** What the rules match: IPv4 ranges, with the node that they belong to, where it is one. */
  readonly ranges: readonly { readonly range: string; readonly node: string | null }[];
  /** Among them, those that traffic can be measured with. */
  readonly witnesses: readonly End[];
};
export const EVERYBODY = "0.0.0.0/0";

interface Problem {
  readonly path: string;
  readonly message: string;
}

/** Pure. */
export function endsProblems(spec: EndsSpec): Problem[] {
  const { pods, nodes, peers, direction } = spec;
  const one = (pods === undefined) !== (nodes === undefined);
  const problems = one
    ? targetProblems(pods === undefined ? "nodes" : "pods", pods ?? nodes)
    : [{ path: "pods", message: "either pods or nodes are the targets" }];
  if (![undefined, "both", "to-peers", "from-peers"].includes(direction)) {
    problems.push({ path: "direction", message: '"both", "to-peers" or "from-peers"' });
  }
  return peers === undefined ? problems : [...problems, ...peersProblems(peers)];
}

function peersProblems(peers: NetworkPeers): Problem[] {
  const kinds = ["pods", "service", "nodes", "cidrs"];
  if (typeof peers !== "object" || peers === null || !kinds.some((kind) => kind in peers)) {
    return [{ path: "peers", message: `at least one of ${kinds.join(", ")}; leave peers out to mean everybody` }];
  }
  const problems = peers.pods === undefined ? [] : targetProblems("peers.pods", peers.pods);
  if (peers.service !== undefined && !peers.service.name) {
    problems.push({ path: "peers.service.name", message: "the name of a Service" });
  }
  for (const [i, cidr] of (peers.cidrs ?? []).entries()) {
    if (parseRange(cidr) !== null) continue;
    problems.push({ path: `peers.cidrs[${i}]`, message: `an IPv4 range such as "10.1.0.0/16", not "${cidr}"` });
  }
  return problems;
}

/** @throws FaultlineError `fault` when nothing matches, or a pod has no network of its own. */
export async function chooseTargets(context: FaultContext, spec: EndsSpec): Promise<readonly Target[]> {
  if (spec.nodes !== undefined) {
    const chosen = await chooseNodes(context, spec.nodes);
    const nodes = await nodeEnds(context);
    return nodes.filter(({ end }) => chosen.includes(end.name)).map(({ end }) => end);
  }
  const pods = await choosePods(context, spec.pods as PodTargets);
  const nodes = new Set((await nodeEnds(context)).map(({ end }) => end.ip));
  const shared = pods.find(({ ip }) => nodes.has(ip));
  if (shared === undefined) return pods;
  throw new FaultlineError("fault", `${shared.namespace}/${shared.name} uses its node's network`, {
    fix: "choose pods that have a network of their own, or make the node the target",
  });
}

export const endOf = (one: Target): End =>
  "isNode" in one ? one : { name: one.name, ip: one.ip, node: one.node, isNode: false };

/** As the cluster is now; a target is never its own peer. */
export async function resolvePeers(context: FaultContext, spec: EndsSpec, targets: readonly End[]): Promise<Peers> {
  const nodes = await nodeEnds(context);
  const { peers } = spec;
  const others = nodes.filter(({ end }) => !targets.some(({ ip }) => ip === end.ip));
  if (peers === undefined && spec.pods !== undefined) {
    // A node that others depend on last: it may be hurt by another fault, the control plane seldom is.
    const pods = await allPods(context);
    const witnesses = [
      ...others.map(({ end }) => end),
      ...pods.filter((pod) => !targets.some(({ ip }) => ip === pod.ip)),
    ];
    return { ranges: [{ range: EVERYBODY, node: null }], witnesses };
  }
  const chosen = peers ?? { nodes: {} };
  const named = await peerNodes(context, chosen.nodes);
  const nodePeers = others.filter(({ end }) => named?.(end.name) === true);
  const podPeers = [...(await peerPods(context, chosen)), ...(await servicePods(context, chosen))].filter(
    (pod) => !targets.some(({ ip }) => ip === pod.ip),
  );
  const isOfNodes = spec.nodes !== undefined;
  const ranges = [
    ...nodePeers.flatMap(({ end, podRanges }) =>
      [`${end.ip}/32`, ...(isOfNodes ? podRanges : [])].map((range) => ({ range, node: end.name })),
    ),
    ...podPeers.map(({ ip, node }) => ({ range: `${ip}/32`, node })),
    ...(chosen.cidrs ?? []).map((range) => ({ range, node: null })),
  ];
  const within = (chosen.cidrs ?? []).flatMap((cidr) => parseRange(cidr) ?? []);
  const inRanges = within.length === 0 ? [] : [...others.map(({ end }) => end), ...(await allPods(context))];
  const measurable = inRanges.filter(({ ip }) => within.some((contains) => contains(ip)));
  return { ranges, witnesses: [...nodePeers.map(({ end }) => end), ...podPeers, ...measurable] };
}

/** With whom a target's traffic can be measured, best first: packets must not stay on one node, where no rule sees them. */
export function witnessesOf(target: End, { witnesses }: Peers): readonly End[] {
  const possible = witnesses.filter(
    (one) => one.ip !== target.ip && !((one.isNode || target.isNode) && one.node === target.node),
  );
  return [
    ...possible.filter(({ node }) => node !== target.node),
    ...possible.filter(({ node }) => node === target.node),
  ];
}

interface NodeEnd {
  readonly end: End;
  readonly podRanges: readonly string[];
}

async function nodeEnds(context: FaultContext): Promise<readonly NodeEnd[]> {
  const nodes = await context.cluster.kube.list({ apiVersion: "v1", kind: "Node" });
  const isControlPlane = (node: KubeObject) => "node-role.kubernetes.io/control-plane" in (node.metadata.labels ?? {});
  // The control plane first: of all nodes it is the last to be hit by another fault, so measured with best.
  return [...nodes.filter(isControlPlane), ...nodes.filter((node) => !isControlPlane(node))].flatMap((node) => {
    const ip: string | undefined = node.status.addresses?.find(
      (one: { type: string; address: string }) => one.type === "InternalIP" && isIPv4(one.address),
    )?.address;
    const name: string = node.metadata.name;
    const podRanges = ((node.spec.podCIDRs ?? []) as string[]).filter((range) => parseRange(range) !== null);
    return ip === undefined ? [] : [{ end: { name, ip, node: name, isNode: true }, podRanges }];
  });
}

async function peerNodes(
  context: FaultContext,
  nodes: NetworkPeers["nodes"],
): Promise<((name: string) => boolean) | null> {
  if (nodes === undefined) return null;
  if (nodes.names === undefined && nodes.hosting === undefined) return () => true;
  const chosen = await chooseNodes(context, { ...(nodes as NodeTargets), atMost: "100%" });
  return (name) => chosen.includes(name);
}

async function peerPods(context: FaultContext, { pods }: NetworkPeers): Promise<readonly End[]> {
  if (pods === undefined) return [];
  return await podEnds(context, pods.namespace ?? context.namespace, pods.selector);
}

async function servicePods(context: FaultContext, { service }: NetworkPeers): Promise<readonly End[]> {
  if (service === undefined) return [];
  const namespace = service.namespace ?? context.namespace;
  const found = await context.cluster.kube.get({ apiVersion: "v1", kind: "Service", namespace, name: service.name });
  const selector = Object.entries(found?.spec?.selector ?? {}).map(([key, value]) => `${key}=${value}`);
  if (selector.length > 0) return await podEnds(context, namespace, selector.join(","));
  throw new FaultlineError("fault", `${namespace}/${service.name} is no Service with a selector: it has no pods`, {
    fix: "name a Service with pods behind it, or give the peers as pods, nodes or cidrs",
  });
}

const allPods = async (context: FaultContext) => (await podEnds(context)).filter(({ node }) => node !== "");

/** All that have a network of their own, the ready ones first. */
async function podEnds(context: FaultContext, namespace?: string, labelSelector?: string): Promise<readonly End[]> {
  const pods = await context.cluster.kube.list(
    { apiVersion: "v1", kind: "Pod", ...(namespace === undefined ? {} : { namespace }) },
    labelSelector === undefined ? {} : { labelSelector },
  );
  const talking = pods.filter(({ spec, status }) => isIPv4(status?.podIP ?? "") && spec.hostNetwork !== true);
  return [...talking.filter(isReady), ...talking.filter((pod) => !isReady(pod))].map(({ metadata, spec, status }) => ({
    name: metadata.name,
    ip: status.podIP,
    node: spec.nodeName,
    isNode: false,
  }));
}

/** A function that tells whether an address is in the range; null when it is none. */
export function parseRange(text: unknown): ((ip: string) => boolean) | null {
  const [address = "", bits = ""] = String(text).split("/");
  if (!isIPv4(address) || !/^\d{1,2}$/.test(bits) || Number(bits) > 32) return null;
  const mask = Number(bits) === 0 ? 0 : (~0 << (32 - Number(bits))) >>> 0;
  return (ip) => (number(ip) & mask) === (number(address) & mask);
}

const number = (ip: string) => ip.split(".").reduce((sum, part) => (sum << 8) | Number(part), 0);
