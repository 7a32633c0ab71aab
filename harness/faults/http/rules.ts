/**
 * The rules in the network namespace of a pod that send what comes in to the proxy, and its answers back through the
 * pod. The pod itself becomes the sender, which tells the proxy whom a connection is for; what comes from the proxy, and
 * from those who are spared, goes to the pod. A NAT rule does not touch connections that were open before: they are ended.
 */
import type { KubeObject } from "../../cluster/kube.ts";
import { HTTP_PORT } from "../agent/pod.ts";
import type { Redirect } from "../agent/redirect.ts";
import type { Rule } from "../agent/rules.ts";

export type Way = {
  readonly id: string;
  readonly port: number;
  /** Addresses. */
  readonly spared: readonly string[];
};

/** `-i lo`: what a pod asks itself goes past it all. */
export function redirectOf({ id, port, spared }: Way, proxyIp: string): Redirect {
  const to = `-p tcp -m tcp --dport ${port}`;
  const past = [proxyIp, ...spared];
  const passing = (table: Rule["table"], chain: Rule["chain"]): readonly Rule[] =>
    past.map((ip) => ({ table, chain, match: `-s ${ip}/32 ${to}`, target: "ACCEPT" }));
  return {
    id,
    rules: [
      ...passing("nat", "PREROUTING"),
      {
        table: "nat",
        chain: "PREROUTING",
        match: `! -i lo ${to}`,
        target: `DNAT --to-destination ${proxyIp}:${HTTP_PORT}`,
      },
      {
        table: "nat",
        chain: "POSTROUTING",
        match: `-d ${proxyIp}/32 -p tcp -m tcp --dport ${HTTP_PORT}`,
        target: "MASQUERADE",
      },
      ...passing("filter", "INPUT"),
      { table: "filter", chain: "INPUT", match: `! -i lo ${to}`, target: "REJECT --reject-with tcp-reset" },
    ],
    // At once, or else with the next packet: a client that keeps idle ones would send a request into each.
    begin: `nsenter --net="$1" ss --kill --tcp state established '(' sport = :${port} ${past
      .map((ip) => `and not dst ${ip} `)
      .join("")}')'`,
    settle: settleOf(port),
  };
}

/** The kernel translates no more without a rule, but would remember. */
export const settleOf = (port: number) => `nsenter --net="$1" conntrack --delete --proto tcp --orig-port-dst ${port}`;

/** For `bypassRules`: new connections go to the pod. */
export const pastOf = (port: number): readonly Rule[] => [
  { table: "nat", chain: "PREROUTING", match: `-p tcp -m tcp --dport ${port}`, target: "ACCEPT" },
];

/** What a node's own requests to pods come from: its address, or the one that it has on the pods' side. Pure. */
export function nodeAddresses(nodes: readonly KubeObject[]): readonly string[] {
  const found = nodes.flatMap((node): string[] => [
    ...(node.status?.addresses ?? [])
      .filter((one: { type: string }) => one.type === "InternalIP")
      .map((one: { address: string }) => one.address),
    ...(node.spec?.podCIDRs ?? []).map((range: string) =>
      range.replace(/(\d+)\/\d+$/, (_, last) => `${Number(last) + 1}`),
    ),
  ]);
  return [...new Set(found)].filter((address) => /^\d+\.\d+\.\d+\.\d+$/.test(address)).sort();
}
