/** What a `placement` probe comes to in one arm, for tables and pictures. */
import type { PlacementSignal } from "../probe-specs.ts";
import type { ArmRecord, ArmVerdict, RunRecord } from "../types.ts";
import { signals } from "../verdict/signals/index.ts";
import { type PhaseWindows, phaseWindows } from "../verdict/windows.ts";
import { count, milliseconds, percent } from "../verdict/words.ts";
import { type ArmColumn, NONE } from "./arm-columns.ts";

export interface CascadeFigures {
  /** Different nodes that went down in the fault phase. */
  readonly down: number;
  /** Of the replicas, on one node, at the most. 0 to 1 */
  readonly largestShare: number;
  /** From the first node's end until all replicas were back for good; 0: no node went down. */
  readonly recoverMs: number;
  readonly rollouts: number;
  readonly hung: number;
}

export function cascadeFigures(arm: {
  readonly probe: string;
  readonly record: ArmRecord;
  readonly windows: PhaseWindows;
}): CascadeFigures {
  const measure = (signal: PlacementSignal) =>
    signals[signal].measure({ ...arm, terminations: [], disturbed: true }, arm.probe);
  const value = (signal: PlacementSignal) => {
    const measured = measure(signal);
    return measured.samples === 0 ? 0 : measured.value;
  };
  const rollouts = measure("hung-rollouts");
  return {
    down: value("cascade-depth"),
    largestShare: value("largest-share"),
    recoverMs: value("time-to-recover"),
    rollouts: rollouts.samples,
    hung: rollouts.value,
  };
}

/** What it adds to the table of the arms. */
export const placementColumns: readonly ArmColumn[] = [
  {
    title: "Nodes down",
    cell: (arm, run, probe) => {
      const { down } = figuresOf(arm, run, probe);
      return { text: count(down), isBad: down > 1 };
    },
  },
  {
    title: "Most on one node",
    cell: (arm, run, probe) => ({ text: percent(Number(figuresOf(arm, run, probe).largestShare.toFixed(2))) }),
  },
  {
    title: "Back after",
    cell: (arm, run, probe) => {
      const { down, recoverMs } = figuresOf(arm, run, probe);
      return { text: down === 0 ? NONE : milliseconds(recoverMs) };
    },
  },
  {
    title: "Rollout",
    cell: (arm, run, probe) => {
      const { rollouts, hung } = figuresOf(arm, run, probe);
      return { text: rollouts === 0 ? NONE : hung > 0 ? "hangs" : "completed", isBad: hung > 0 };
    },
  },
];

function figuresOf({ name }: ArmVerdict, run: RunRecord, probe: string) {
  const record = run.arms[name] ?? { requests: null, upstream: null, observations: [] };
  return cascadeFigures({ probe, record, windows: phaseWindows(run, name) });
}
