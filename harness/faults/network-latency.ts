/**
 * Packets between pods, or nodes, and their peers arrive late: each way that is hit by the delay, so a round trip by
 * twice as much. The kernel hands them to a queue of ours on the node, which lets each go when its time has come.
 */
import { parseDuration, toMs } from "../define/duration.ts";
import type { NetworkLatencyFault } from "../fault-specs.ts";
import { networkFault } from "./network/impair.ts";
import { QUEUE_METHOD, queueActions, queueUnit } from "./network/queue.ts";

type Params = { readonly delayMs: number; readonly jitterMs: number };

const MIN_MS = 1;
const MAX_MS = 10_000;
/** What a busy machine adds to a packet's way, milliseconds and as a share. */
const SLACK_MS = 20;
const SLACK = 0.1;

const isWithin = (value: unknown, least: number, most: number) => {
  const ms = parseDuration(String(value));
  return ms !== null && ms >= least && ms <= most;
};

export const networkLatency = networkFault<NetworkLatencyFault, Params>({
  kind: "network.latency",
  word: "latency",
  drawAs: { label: "packets arrive late", colour: "#7570b3" },
  needs: ["packet-queue"],
  table: "mangle",
  method: QUEUE_METHOD,

  problems({ delay, jitter }) {
    const most = Math.min(parseDuration(String(delay)) ?? MAX_MS, MAX_MS);
    return [
      ...(isWithin(delay, MIN_MS, MAX_MS)
        ? []
        : [{ path: "delay", message: `a duration from 1ms to 10s, not ${JSON.stringify(delay)}` }]),
      ...(jitter === undefined || isWithin(jitter, 0, most)
        ? []
        : [{ path: "jitter", message: `a duration from 0ms to the delay, not ${JSON.stringify(jitter)}` }]),
    ];
  },
  params: ({ delay, jitter }) => ({ delayMs: toMs(delay), jitterMs: jitter === undefined ? 0 : toMs(jitter) }),
  actions: (_, id) => queueActions(id),
  prelude: ({ delayMs, jitterMs }, id) =>
    queueUnit(id, { delayMs, jitterMs, bytesPerS: 0, backlogMs: 0, byAddress: true }),

  plan: ({ delayMs, jitterMs }) => ({
    forMs: 300,
    everyMs: 10,
    bytes: 100,
    graceMs: 100 + 1.5 * (delayMs + jitterMs),
    minPackets: 15,
  }),
  // Packets keep their order, so that each waits for the slowest before it: with jitter the median moves up.
  isHit: ({ delayMs, jitterMs }, { delayMs: measured }) =>
    measured !== null &&
    measured >= delayMs - jitterMs - 0.05 * delayMs &&
    measured >= delayMs / 2 &&
    measured <= delayMs * (1 + SLACK) + jitterMs + SLACK_MS,
  saw: ({ delayMs, received, sent }) =>
    delayMs === null
      ? `none of ${sent} packets arrived`
      : `${received} packets took ${delayMs.toFixed(1)} ms in the median`,
  values: ({ delayMs, sent, received }) => ({
    sent,
    received,
    ...(delayMs === null ? {} : { delayMs: Number(delayMs.toFixed(3)) }),
  }),
});
