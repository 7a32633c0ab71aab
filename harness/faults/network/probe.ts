/**
 * Measures what the network does to packets between two ends, by sending some: numbered UDP datagrams from the network
 * namespace of one to that of the other, each with the time at which it was sent. Nobody's application has a part in it,
 * and nothing of a rule or a queue is read. One way each, so that a fault in one direction is told from one in both.
 */
import { randomBytes, randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
import type { ExecResult } from "../../cluster/exec.ts";
import { waitFor } from "../../cluster/wait.ts";
import type { FaultContext } from "../fault.ts";
import type { End } from "./ends.ts";

export interface Link {
  readonly from: End;
  readonly to: End;
}
export interface ProbePlan {
  /** Milliseconds of sending that count. */
  readonly forMs: number;
  readonly everyMs: number;
  /** Size of a packet, its IP and UDP headers included. */
  readonly bytes: number;
  /** Milliseconds that the last packet has to arrive. */
  readonly graceMs: number;
  /** Fewer packets that count, and it is tried again. */
  readonly minPackets: number;
  /** More than `minPackets` say nothing more: packets that pass end it early. */
  readonly isBrief?: boolean;
  /** Milliseconds by which one node may begin before another; doubled when that was not enough. Default: 60. */
  readonly skewMs?: number;
}
export interface LinkReport extends Link {
  readonly sent: number;
  readonly received: number;
  /** Median of one way; null when nothing arrived. */
  readonly delayMs: number | null;
  /** Between the first and the last packet that arrived; null below two. */
  readonly bitsPerS: number | null;
}
export interface Probed {
  readonly reports: readonly LinkReport[];
  /** Addresses that nobody on their node has any more, and nodes that cannot be asked. */
  readonly absent: readonly string[];
}

const SCRIPT = readFileSync(new URL("./probe.pl", import.meta.url), "utf8");
const SKEW_MS = 60;
/** Of a packet with nothing but headers and what it is told by. */
const LEAST_BYTES = 52;
const TIMEOUT_MS = 30_000;

export async function probeLinks(context: FaultContext, links: readonly Link[], plan: ProbePlan): Promise<Probed> {
  let skewMs = (plan.skewMs ?? SKEW_MS) / 2;
  const attempt = async () => {
    skewMs *= 2;
    const probed = await probeOnce(context, links, plan, skewMs);
    const least = Math.min(...probed.reports.map(({ sent }) => sent), plan.minPackets);
    return least >= plan.minPackets
      ? { done: true as const, value: probed }
      : { done: false as const, saw: `only ${least} packets that count` };
  };
  return await waitFor({
    what: "enough packets to measure the network with",
    timeoutMs: Math.min(60_000, context.budgetMs),
    everyMs: 10,
    signal: context.signal,
    probe: attempt,
  });
}

async function probeOnce(
  context: FaultContext,
  links: readonly Link[],
  plan: ProbePlan,
  skewMs: number,
): Promise<Probed> {
  const nodes = await context.cluster.nodes();
  const ends = [...new Map(links.flatMap(({ from, to }) => [from, to]).map((end) => [end.ip, end])).values()];
  const names = [...new Set(ends.map(({ node }) => node))];
  // Not of the run's seed: two measurements at the same time, or a late packet of the one before, must not meet.
  const nonce = randomBytes(4).toString("hex");
  const port = 20_000 + 2 * randomInt(5_000);
  const timing = [
    (plan.forMs + skewMs) / 1_000,
    plan.graceMs / 1_000,
    Math.round(plan.everyMs * 1_000),
    plan.bytes,
    plan.isBrief === true ? plan.minPackets : 0,
  ];
  const outputs = await Promise.all(
    names.map(async (name): Promise<ExecResult | null> => {
      const sends = links.flatMap(({ from, to }, i) => (from.node === name ? [`send=${i},${from.ip},${to.ip}`] : []));
      const expects = links.flatMap(({ to }, i) => (to.node === name ? [`expect=${i}`] : []));
      const here = ends.filter(({ node }) => node === name).map(({ ip }) => `end=${ip}`);
      const argv = ["nice", "-n", "-10", "perl", "-", nonce, port, ...timing, ...here, ...sends, ...expects].map(
        String,
      );
      const node = nodes.find((one) => one.name === name);
      return (await node?.exec(argv, { timeoutMs: TIMEOUT_MS, input: SCRIPT }).catch(() => null)) ?? null;
    }),
  );
  const silent = names.filter((_, i) => outputs[i] === null);
  const lines = outputs.flatMap((output) => output?.stdout.split("\n") ?? []);
  const down = ends.filter(({ node }) => silent.includes(node)).map(({ ip }) => ip);
  return { ...readProbe(lines, links, plan.bytes), absent: [...absentIn(lines), ...down] };
}

const absentIn = (lines: readonly string[]) => lines.flatMap((line) => /^absent (\S+)/.exec(line)?.[1] ?? []);

/** From what the nodes printed to what happened on each link; links with an absent end are left out. Pure. */
export function readProbe(lines: readonly string[], links: readonly Link[], bytes: number): Pick<Probed, "reports"> {
  const words = lines.map((line) => line.split(" "));
  const listened = new Map(
    words.flatMap(([what, ip, since, until]) =>
      what === "bound" ? [[ip, { sinceUs: Number(since), untilUs: Number(until) }] as const] : [],
    ),
  );
  const of = (what: string, link: number) =>
    words.find(([one, number]) => one === what && number === String(link))?.slice(2) ?? [];
  const reports = links.flatMap((link, i): LinkReport[] => {
    const span = listened.get(link.to.ip);
    if (span === undefined || !listened.has(link.from.ip)) return [];
    // What was sent before the other end listened says nothing, and what it did not wait for neither.
    const counts = (sentUs: number) => sentUs > span.sinceUs && sentUs < span.untilUs;
    const sent = of("sent", i).filter((at) => counts(Number(at))).length;
    const arrived = of("got", i)
      .map((packet) => packet.split(":").map(Number))
      .filter(([, sentUs = 0]) => counts(sentUs));
    const delays = arrived.map(([, sentUs = 0, gotUs = 0]) => gotUs - sentUs).sort((a, b) => a - b);
    const times = arrived.map(([, , gotUs = 0]) => gotUs).sort((a, b) => a - b);
    const spanUs = (times.at(-1) ?? 0) - (times[0] ?? 0);
    return [
      {
        ...link,
        sent,
        received: arrived.length,
        delayMs: delays.length === 0 ? null : (delays[Math.floor(delays.length / 2)] ?? 0) / 1_000,
        bitsPerS: spanUs <= 0 ? null : ((times.length - 1) * Math.max(bytes, LEAST_BYTES) * 8 * 1e6) / spanUs,
      },
    ];
  });
  return { reports };
}
