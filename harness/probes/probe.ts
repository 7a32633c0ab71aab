/** What a probe is: it watches while the arm runs, and writes what it saw with the instant at which it happened. */

import type { WatchOptions } from "../cluster/kube.ts";
import type { ClusterHandle } from "../cluster/provider.ts";
import type { Observation, ProbeSpec } from "../types.ts";

/** The run's clock as far as probes need it; milliseconds. */
export interface ProbeClock {
  now(): number;
  /** Any CLOCK_MONOTONIC instant of this host and its containers, in nanoseconds. */
  fromMonotonicNs(ns: bigint): number;
  fromWallMs(wallMs: number): number;
}

export interface ProbeContext {
  readonly cluster: ClusterHandle;
  /** The arm's namespace. */
  readonly namespace: string;
  readonly clock: ProbeClock;
  /** Path without an ending of the columns that the ingress controller's log becomes. */
  readonly upstreamFile: string;
  readonly observe: (observation: Observation) => void;
  readonly log: (line: string) => void;
}

export interface RunningProbe {
  /** Takes in what is still under way, then ends. */
  stop(): Promise<void>;
}

export interface Probe<Spec extends ProbeSpec = ProbeSpec> {
  readonly kind: Spec["kind"];
  /** Resolves when nothing that happens from now on is missed. */
  start(name: string, spec: Spec, context: ProbeContext): Promise<RunningProbe>;
}

/** Writes down when a watch was blind: what happened meanwhile has a time that is only an upper bound. */
export function gapObserver(name: string, what: string, context: ProbeContext): WatchOptions["onGap"] {
  return ({ fromNs, toNs, why }) => {
    const fromT = context.clock.fromMonotonicNs(fromNs);
    context.observe({
      t: context.clock.fromMonotonicNs(toNs),
      probe: name,
      type: "gap",
      fromT,
      why: `${what}: ${why}`,
    });
  };
}
