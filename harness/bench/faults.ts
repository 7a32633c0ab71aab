/**
 * From the call of inject to the first evidence of the effect, and from revert to the first evidence that it is gone, for
 * each fault and for the same done by hand with plain commands; both looked at by the fault's own measurements.
 */
import { kindProvider } from "../cluster/kind.ts";
import { LABEL_OWNER, OWNER } from "../cluster/labels.ts";
import type { ClusterHandle, NodeHandle } from "../cluster/provider.ts";
import { waitFor } from "../cluster/wait.ts";
import type { Fault, FaultContext } from "../faults/fault.ts";
import { faultOf } from "../faults/index.ts";
import { seeded } from "../plan/random.ts";
import type { Evidence, FaultSpec, Json } from "../types.ts";
import { median } from "../verdict/statistics.ts";
import { FAULT_CASES, type FaultCase } from "./fault-cases.ts";

const CLUSTER = "faultline-bench-faults";
const NAMESPACE = "faultline-bench";
const LEASE_MS = 60_000;
const BUDGET_MS = 60_000;

export interface FaultTimes {
  readonly what: string;
  /** Milliseconds, one a round. */
  readonly ours: { readonly effect: readonly number[]; readonly clean: readonly number[] };
  readonly byHand: { readonly effect: readonly number[]; readonly clean: readonly number[] };
  readonly limits: FaultCase["limitsMs"];
}

/** @param options.rounds how often each; `only` names kinds. */
export async function benchFaults(options: {
  readonly rounds: number;
  readonly only?: readonly string[];
  readonly onProgress: (line: string) => void;
}): Promise<readonly FaultTimes[]> {
  const cluster = await kindProvider.up({
    ...{ name: CLUSTER, spec: { topology: "two-workers" }, images: [], onProgress: options.onProgress },
  });
  const { kube } = cluster;
  try {
    const metadata = { name: NAMESPACE, labels: { [LABEL_OWNER]: OWNER } };
    await kube.apply({ apiVersion: "v1", kind: "Namespace", metadata });
    const chosen = FAULT_CASES.filter(({ spec }) => options.only === undefined || options.only.includes(spec.kind));
    const rows: FaultTimes[] = [];
    for (const one of chosen) {
      await one.prepare?.(cluster, NAMESPACE);
      rows.push(await timeCase(one, cluster, options));
    }
    return rows;
  } finally {
    await kindProvider.down(CLUSTER, options.onProgress);
  }
}

async function timeCase(
  one: FaultCase,
  cluster: ClusterHandle,
  { rounds, onProgress }: { readonly rounds: number; readonly onProgress: (line: string) => void },
): Promise<FaultTimes> {
  const fault = faultOf(one.spec.kind);
  const nodes = await cluster.nodes();
  const row = {
    what: one.what,
    limits: one.limitsMs,
    ours: { effect: [], clean: [] },
    byHand: { effect: [], clean: [] },
  } as {
    readonly [K in "ours" | "byHand"]: { readonly effect: number[]; readonly clean: number[] };
  } & Pick<FaultTimes, "what" | "limits">;
  for (let round = 0; round < rounds; round += 1) {
    for (const side of round % 2 === 0 ? (["ours", "byHand"] as const) : (["byHand", "ours"] as const)) {
      const context = contextOf(cluster, `${side}/${round}`);
      const undo = await fault.prepare(one.spec, context);
      const hands = {
        node: nodes.find(({ name }) => name.endsWith(one.node)) as NodeHandle,
        cluster,
        namespace: NAMESPACE,
      };
      const inject = side === "ours" ? () => fault.inject(undo, context, LEASE_MS) : () => one.byHand.inject(hands);
      const revert = side === "ours" ? () => fault.revert(undo, context) : () => one.byHand.undo(hands);
      const { isIn } = side === "byHand" ? one.byHand : {};
      const seen = isIn && (async () => ({ effective: await isIn(hands), because: "looked at by hand", values: {} }));
      row[side].effect.push(await timed(inject, seen ?? (() => fault.verifyEffective(undo, context)), true));
      row[side].clean.push(await timed(revert, seen ?? (() => fault.verifyReverted(undo, context)), false));
      if (side === "byHand") await settle(fault, undo, context);
    }
    const last = (side: "ours" | "byHand") =>
      `${row[side].effect.at(-1)?.toFixed(0)} and ${row[side].clean.at(-1)?.toFixed(0)} ms`;
    onProgress(`${one.what}: round ${round + 1}: ours ${last("ours")}, by hand ${last("byHand")}`);
  }
  return row;
}

/** Milliseconds from the call of `act` until a measurement says what is wanted. */
async function timed(act: () => Promise<void>, measure: () => Promise<Evidence>, wanted: boolean): Promise<number> {
  const started = performance.now();
  await act();
  await waitFor({
    what: `evidence that the effect is ${wanted ? "there" : "gone"}`,
    timeoutMs: BUDGET_MS,
    everyMs: 10,
    probe: async () => {
      const { effective, because } = await measure();
      return effective === wanted ? { done: true, value: undefined } : { done: false, saw: because };
    },
  });
  return performance.now() - started;
}

/** What prepare or a measurement made for the side that did it by hand. */
async function settle(fault: Fault<FaultSpec, Json>, undo: Json, context: FaultContext): Promise<void> {
  await fault.revert(undo, context);
  await fault.verifyReverted(undo, context);
}

const contextOf = (cluster: ClusterHandle, faultId: string): FaultContext => ({
  ...{ cluster, namespace: NAMESPACE, faultId, runId: "bench", random: seeded(1), budgetMs: BUDGET_MS, images: {} },
  ...{ signal: new AbortController().signal, log: () => undefined, observe: () => undefined },
});

/** p50 and the largest: with ten rounds a p99 is the largest. */
export function faultTable(rows: readonly FaultTimes[]): string {
  const cell = (values: readonly number[]) => {
    const sorted = [...values].sort((a, b) => a - b);
    return `${median(sorted).toFixed(0)} (${(sorted.at(-1) ?? 0).toFixed(0)})`;
  };
  return [
    "| fault | effect ms ours | by hand | limit | clean ms ours | by hand | limit | kept |",
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
    ...rows.map((row) => {
      const effect = [cell(row.ours.effect), cell(row.byHand.effect), row.limits.effect];
      const clean = [cell(row.ours.clean), cell(row.byHand.clean), row.limits.clean];
      return `| ${row.what} | ${[...effect, ...clean].join(" | ")} | ${keptLimits(row) ? "yes" : "no"} |`;
    }),
    "",
    "Median of all rounds, the slowest in brackets.",
  ].join("\n");
}

export const keptLimits = ({ ours, limits }: FaultTimes): boolean =>
  median(ours.effect) <= limits.effect && median(ours.clean) <= limits.clean;
