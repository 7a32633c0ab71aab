/** What the runner is given to work with; the real parts in cli/, a fake cluster in tests. */
import type { ClusterProvider } from "../cluster/provider.ts";
import type { Fault } from "../faults/fault.ts";
import type { ProbeContext, RunningProbe } from "../probes/probe.ts";
import type { FaultKind, LoadSummary, ProbeSpec } from "../types.ts";

/** What the load did in its last reporting interval. */
export interface LoadProgress {
  readonly started: number;
  readonly completed: number;
  /** Of the interval alone: answers below 400, and everything else that ended. */
  readonly windowGood: number;
  readonly windowBad: number;
}
export interface LoadOutcome extends LoadSummary {
  /** What the script threw, with how often. */
  readonly scriptErrors: readonly { readonly message: string; readonly count: number }[];
  /** Why the load ended before its schedule; null when it did not, or was asked to. */
  readonly endedEarly: string | null;
}
export interface RunningLoad {
  /** Ends the load politely and waits until every sample is on disk. */
  stop(): Promise<LoadOutcome>;
  /** Settles when the load ends by itself; rejects when it broke. */
  readonly done: Promise<LoadOutcome>;
}
export interface RunPorts {
  readonly provider: ClusterProvider;
  readonly faultOf: (kind: FaultKind) => Fault;
  readonly startLoad: (request: {
    readonly scriptPath: string;
    readonly env: Readonly<Record<string, string>>;
    /** Without an ending. */
    readonly outFile: string;
    readonly onProgress: (progress: LoadProgress) => void;
  }) => Promise<RunningLoad>;
  readonly startProbe: (name: string, spec: ProbeSpec, context: ProbeContext) => Promise<RunningProbe>;
  /** Node conditions of the whole cluster; `onChange` gets every change, planned or not. */
  readonly watchNodes: (
    context: ProbeContext,
    onChange: (change: { readonly node: string; readonly sentence: string }) => void,
  ) => Promise<RunningProbe>;
  /** One line for people. */
  readonly progress: (line: string) => void;
}
