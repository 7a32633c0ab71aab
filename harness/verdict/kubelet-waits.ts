/** How long the kubelets' calls waited for their turn, from sums that each kubelet keeps since its start. */
import type { Observation } from "../types.ts";
import { jobsOf } from "./jobs.ts";

type Sample = Observation & { readonly type: "kubelet" };

/** What one kubelet did between two looks. */
export interface Stretch {
  readonly node: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly qps: number;
  readonly burst: number;
  readonly calls: number;
  readonly waitMs: number;
  readonly statuses: number;
  readonly statusMs: number;
}

/** All stretches that a probe saw, in the order of time. */
export function stretchesOf(probe: string, observations: readonly Observation[]): readonly Stretch[] {
  const last = new Map<string, Sample>();
  return observations.flatMap((o): Stretch[] => {
    if (o.type !== "kubelet" || o.probe !== probe) return [];
    const before = last.get(o.node);
    last.set(o.node, o);
    if (before === undefined) return [];
    // Sums that have fallen are those of a kubelet that was started anew.
    const since = o.calls < before.calls ? { calls: 0, waitMs: 0, statuses: 0, statusMs: 0 } : before;
    return [
      {
        node: o.node,
        fromMs: before.t,
        toMs: o.t,
        qps: o.qps,
        burst: o.burst,
        calls: o.calls - since.calls,
        waitMs: o.waitMs - since.waitMs,
        statuses: Math.max(0, o.statuses - since.statuses),
        statusMs: Math.max(0, o.statusMs - since.statusMs),
      },
    ];
  });
}

export interface LimiterWait {
  readonly calls: number;
  /** NaN without calls. */
  readonly meanMs: number;
  /** From a change of a pod's state to the API server's answer, mean; NaN where none was published. */
  readonly statusMs: number;
  /** "5 a second, 10 saved up" */
  readonly limits: string;
}

/** On the nodes that ran jobs, from the first job's first act until the last one's address was there. */
export function limiterWaitOf(probe: string, observations: readonly Observation[]): LimiterWait {
  const { jobs } = jobsOf(probe, observations);
  const nodes = new Set(jobs.map(({ node }) => node));
  const fromMs = Math.min(...jobs.map(({ firstActMs }) => firstActMs));
  const toMs = Math.max(...jobs.map(({ firstActMs, addressMs }) => Math.max(firstActMs, addressMs ?? 0)));
  const during = stretchesOf(probe, observations).filter(
    (one) => nodes.has(one.node) && one.toMs > fromMs && one.fromMs < toMs,
  );
  const sum = (of: (one: Stretch) => number) => during.reduce((total, one) => total + of(one), 0);
  const calls = sum((one) => one.calls);
  const limits = [...new Set(during.map(({ qps, burst }) => `${qps} a second, ${burst} saved up`))];
  return {
    calls,
    meanMs: sum((one) => one.waitMs) / calls,
    statusMs: sum((one) => one.statusMs) / sum((one) => one.statuses),
    limits: limits.join(" or "),
  };
}
