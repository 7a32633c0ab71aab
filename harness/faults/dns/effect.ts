/** From lookups to whether a DNS fault is in effect. Pure. */

import { RCODES } from "../agent-image/dns-message.ts";
import type { DnsMode } from "../agent-image/dns-proxy.ts";
import type { Finding } from "../node/findings.ts";
import type { Reading } from "./lookup.ts";

export interface Asked {
  readonly mode: DnsMode;
  readonly latencyMs: number;
  readonly hit: string;
}

/** Beyond the latency: two hops more, and a busy machine. Milliseconds. */
const TOLERANCE_MS = 3_000;
/** Of the latency: a resolver asks for both families at once, and timers are whole milliseconds. */
const NEARLY = 0.95;

/** The names are hit, and the others are not. */
export function findingOf(reading: Reading, asked: Asked, tryMs: number): Finding {
  const { hit, control, rcode } = reading;
  const spared =
    control === null || (control.answered && (asked.mode !== "late" || control.ms < NEARLY * asked.latencyMs));
  const answer = rcode === null ? "no answer came" : `the answer's code is ${rcode}`;
  const beside = control === null ? "" : `, another name ${said(control.answered)} after ${control.ms} ms`;
  return {
    name: reading.pod,
    inEffect: spared && isHit(reading, asked, tryMs),
    saw: `${asked.hit} ${said(hit.answered)} after ${hit.ms} ms, to a bare query ${answer}${beside}`,
    values: {
      measuredMs: hit.ms,
      answered: yesNo(hit.answered),
      rcode: rcode ?? "none",
      ...(control === null ? {} : { otherMs: control.ms, otherAnswered: yesNo(control.answered) }),
    },
  };
}

const yesNo = (answered: boolean) => (answered ? "yes" : "no");
const said = (answered: boolean) => (answered ? "was resolved" : "was not resolved");

function isHit({ hit, rcode }: Reading, { mode, latencyMs }: Asked, tryMs: number): boolean {
  if (mode === "pass") return false;
  // A name that does not exist is answered as late as any other.
  if (mode === "late") return rcode !== null && hit.ms >= NEARLY * latencyMs && hit.ms <= latencyMs + TOLERANCE_MS;
  if (hit.answered) return false;
  return mode === "drop" ? rcode === null && hit.ms >= NEARLY * tryMs : rcode === RCODES[mode];
}
