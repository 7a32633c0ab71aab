/**
 * Only so many bits a second pass between pods, or nodes, and their peers, each way that is hit. The kernel hands the packets to a queue of ours on the node, which lets them go
 * at the rate and drops what would wait too long, as the buffer of a slow link does.
 */
import type { NetworkBandwidthFault } from "../fault-specs.ts";
import { networkFault } from "./network/impair.ts";
import { QUEUE_METHOD, queueActions, queueUnit } from "./network/queue.ts";

type Params = { readonly bitsPerS: number };

const UNITS = { kbit: 1e3, mbit: 1e6 } as const;
const MIN_BITS = 64e3;
const MAX_BITS = 20e6;
/** Longer than that no packet waits. */
const BACKLOG_MS = 200;
/** Packets are sent this much faster than the rate lets through. */
const OVERLOAD = 1.6;
const SLACK = 0.15;

export const networkBandwidth = networkFault<NetworkBandwidthFault, Params>({
  kind: "network.bandwidth",
  word: "bandwidth",
  drawAs: { label: "the link is slow", colour: "#66a61e" },
  needs: ["packet-queue"],
  table: "security",
  method: QUEUE_METHOD,

  problems({ rate }) {
    const bits = parseRate(rate);
    if (bits !== null && bits >= MIN_BITS && bits <= MAX_BITS) return [];
    return [{ path: "rate", message: `a rate from "64kbit" to "20mbit", a second, not ${JSON.stringify(rate)}` }];
  },
  params: ({ rate }) => ({ bitsPerS: parseRate(rate) ?? 0 }),
  actions: (_, id) => queueActions(id),
  prelude: ({ bitsPerS }, id, { nodes }) =>
    queueUnit(id, {
      delayMs: 0,
      jitterMs: 0,
      bytesPerS: bitsPerS / 8,
      backlogMs: BACKLOG_MS,
      byAddress: nodes === undefined,
    }),

  plan({ bitsPerS }) {
    // Small packets on a slow link, so that there are enough of them to count.
    const bytes = Math.round(Math.min(1_400, Math.max(120, bitsPerS / 8 / 100)));
    const everyMs = (bytes * 8 * 1_000) / (bitsPerS * OVERLOAD);
    return { forMs: Math.max(1_000, 40 * everyMs), everyMs, bytes, graceMs: 2 * BACKLOG_MS, minPackets: 40 };
  },
  // What a busy machine could not send in time is no slow link: packets must have been dropped too.
  isHit: ({ bitsPerS }, { bitsPerS: measured, sent, received }) =>
    measured !== null &&
    received < 0.9 * sent &&
    measured >= bitsPerS * (1 - SLACK) &&
    measured <= bitsPerS * (1 + SLACK),
  saw: ({ bitsPerS }) => (bitsPerS === null ? "nothing arrived" : `${(bitsPerS / 1e3).toFixed(0)} kbit/s arrived`),
  values: ({ sent, received, bitsPerS }) => ({ sent, received, kbitPerS: Math.round((bitsPerS ?? 0) / 1e3) }),
});

/** Bits a second of "64kbit", "1.5mbit"; null when the text is none of these. */
function parseRate(text: unknown): number | null {
  const match = /^(\d+(?:\.\d+)?)(kbit|mbit)$/.exec(String(text));
  return match === null ? null : Number(match[1]) * UNITS[match[2] as keyof typeof UNITS];
}
