/**
 * A share of the packets between pods, or nodes, and their peers is lost, each by chance and on its own. Rules in the
 * nodes' own network drop what is forwarded; the same on every kernel, so that netem is not needed.
 */
import type { NetworkLossFault } from "../fault-specs.ts";
import { bothWays, networkFault } from "./network/impair.ts";

type Params = { readonly probability: number };

/** Standard deviations that chance may be off, and what the probe itself may lose on a busy machine. */
const SIGMAS = 4;
const SLACK = 0.01;
/** So many are to be lost while it is measured: fewer, and chance may lose none. */
const LOST = 60;
const LEAST_PACKETS = 500;

export const networkLoss = networkFault<NetworkLossFault, Params>({
  kind: "network.loss",
  word: "loss",
  drawAs: { label: "packets are lost", colour: "#e7298a" },
  needs: ["packet-loss"],
  table: "filter",
  method: "dropped at random by iptables",

  problems: ({ percent }) =>
    typeof percent === "number" && percent >= 1 && percent <= 100
      ? []
      : [{ path: "percent", message: `a share of the packets from 1 to 100, not ${JSON.stringify(percent)}` }],
  params: ({ percent }) => ({ probability: percent / 100 }),
  actions: ({ probability }) => bothWays([`-m statistic --mode random --probability ${probability} -j DROP`]),

  plan({ probability }) {
    const packets = Math.max(LEAST_PACKETS, LOST / probability);
    return { forMs: packets, everyMs: 1, bytes: 100, graceMs: 50, minPackets: Math.round(packets * 0.8) };
  },
  isHit: ({ probability }, report) => Math.abs(lost(report) - probability) <= tolerance(probability, report.sent),
  saw: (report) => `${(100 * lost(report)).toFixed(1)} % of ${report.sent} packets were lost`,
  values: (report) => ({ sent: report.sent, lostPercent: Number((100 * lost(report)).toFixed(2)) }),
});

const lost = ({ sent, received }: { readonly sent: number; readonly received: number }) =>
  sent === 0 ? 1 : 1 - Math.min(received, sent) / sent;

/** Smaller than the share itself, so that no loss at all is never taken for a little. */
const tolerance = (share: number, packets: number) =>
  Math.min(SIGMAS * Math.sqrt((share * (1 - share)) / Math.max(1, packets)) + SLACK, share * 0.8);
