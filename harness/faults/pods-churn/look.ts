/** Whether the pods of a churn start at the rate that was asked for, as the runtimes of its nodes tell. */
import type { Evidence } from "../../types.ts";
import type { FaultContext } from "../fault.ts";
import { nodeOf } from "../pods/containers.ts";
import type { Loop } from "./loop.ts";
import type { Asked } from "./pod.ts";
import { allStarts, readStarts, startRate } from "./starts.ts";

/** The reached rate, and a rush's number of pods, may differ by this share. */
const TOLERANCE = 0.1;
/** The rate of a rush: it is short, and a node that is busy with it starts the last pods a little later. */
const RUSH_TOLERANCE = 0.25;
/** After this the rate is what it is. */
const SETTLE_S = 90;

export interface Look {
  readonly evidence: Evidence;
  /** It will not change any more. */
  readonly final: boolean;
}

export async function lookAtRate(
  { id, nodes, ...asked }: Asked & { readonly id: string; readonly nodes: readonly string[] },
  loop: Loop | undefined,
  context: FaultContext,
): Promise<Look> {
  const found = await Promise.all(
    nodes.map(async (name) => {
      const node = await nodeOf(context, name);
      return { name, starts: node === null ? null : await readStarts(node, id) };
    }),
  );
  const silent = found.find(({ starts }) => starts === null);
  if (silent !== undefined) {
    const because = `${silent.name} records no starts: the fault is not in`;
    return { evidence: { effective: false, because, values: { startedPerSecond: 0 } }, final: true };
  }
  const starts = allStarts(found.flatMap((one) => one.starts ?? []));
  const rate = startRate(starts, asked.podsPerSecond, asked.pods);
  const { created = 0, missed = 0, failed = 0, lastError = "" } = loop?.tally() ?? {};
  const startedPerSecond = Number(rate.perSecond.toFixed(2));
  const enough = !rate.isOver || starts.at.length >= (asked.pods ?? 0) * (1 - TOLERANCE);
  const tolerance = rate.isOver ? RUSH_TOLERANCE : TOLERANCE;
  const trouble = failed === 0 ? "" : `; ${failed} calls failed, the last: ${lastError}`;
  const rush = rate.isOver ? `, ${starts.at.length} in all, and is done` : "";
  const ofAll = asked.pods === null ? "" : `, ${asked.pods} in all`;
  return {
    evidence: {
      effective: enough && Math.abs(rate.perSecond / asked.podsPerSecond - 1) <= tolerance,
      because: `the runtime of ${nodes.join(", ")} started ${startedPerSecond} pods a second over ${Math.round(rate.overSeconds)} s${rush}; asked for are ${asked.podsPerSecond}${ofAll}${trouble}`,
      values: {
        startedPerSecond,
        askedPerSecond: asked.podsPerSecond,
        overSeconds: Math.round(rate.overSeconds),
        started: starts.at.length,
        created,
        missed,
        failed,
      },
    },
    final: rate.isOver || starts.now - starts.since > SETTLE_S,
  };
}
