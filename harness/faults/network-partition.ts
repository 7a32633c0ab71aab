/**
 * No packet passes between pods, or nodes, and their peers: both ways or one, on open connections too. Rules in the nodes'
 * own network drop or refuse what is forwarded; nothing in a pod is touched.
 */
import type { NetworkPartitionFault } from "../fault-specs.ts";
import { bothWays, networkFault } from "./network/impair.ts";

type Params = { readonly answer: "drop" | "reject" };

const ACTIONS = {
  drop: ["-j DROP"],
  reject: ["-p tcp -j REJECT --reject-with tcp-reset", "-j REJECT --reject-with icmp-admin-prohibited"],
} as const;
/** Enough packets that a link which works loses not all of them, in the time of a blink. */
const PLAN = { forMs: 60, everyMs: 3, bytes: 100, graceMs: 20, minPackets: 10, isBrief: true };

export const networkPartition = networkFault<NetworkPartitionFault, Params>({
  kind: "network.partition",
  word: "partition",
  drawAs: { label: "no packet passes", colour: "#1b9e77" },
  needs: [],
  table: "filter",
  method: "dropped by iptables",

  problems: ({ answer }) =>
    answer === undefined || answer in ACTIONS ? [] : [{ path: "answer", message: '"drop" or "reject"' }],
  params: ({ answer }) => ({ answer: answer ?? "drop" }),
  actions: ({ answer }) => bothWays(ACTIONS[answer]),

  plan: () => PLAN,
  isHit: (_, { received }) => received === 0,
  saw: ({ sent, received }) => `${received} of ${sent} packets arrived`,
  values: ({ sent, received }) => ({ sent, received }),
});
