/**
 * What each probe adds to the table of the arms: a few figures that say what the experiment is about. A new probe has its
 * columns here, if it has any.
 */
import type { ArmVerdict, ProbeSpec, RunRecord } from "../types.ts";
import { callsIn } from "../verdict/imds.ts";
import { addressDelaysOf, jobsOf, KUBE2IAM_PATIENCE_MS } from "../verdict/jobs.ts";
import { limiterWaitOf } from "../verdict/kubelet-waits.ts";
import { percentile } from "../verdict/statistics.ts";
import { phaseWindows } from "../verdict/windows.ts";
import { count, metricValue, milliseconds, percent } from "../verdict/words.ts";
import { placementColumns } from "./cascade.ts";
import { terminationFigures } from "./facts.ts";

export interface Cell {
  readonly text: string;
  /** It shows the defect. */
  readonly isBad?: boolean;
}
export interface ArmColumn {
  readonly title: string;
  /** @param probe its name in the plan. */
  readonly cell: (arm: ArmVerdict, run: RunRecord, probe: string) => Cell;
}
/** What stands where nothing could be measured. */
export const NONE = "–";

const terminations: readonly ArmColumn[] = [
  { title: "Pods ended", cell: (arm) => ({ text: count(arm.terminations.length) }) },
  {
    title: "After close",
    cell: (arm) => {
      const { pods, requestsAfterClose } = terminationFigures(arm.terminations);
      return { text: pods === 0 ? NONE : count(requestsAfterClose), isBad: requestsAfterClose > 0 };
    },
  },
  {
    title: "preStop needed",
    cell: (arm) => {
      const { preStopNeededMs } = terminationFigures(arm.terminations);
      return { text: preStopNeededMs === null ? NONE : milliseconds(preStopNeededMs) };
    },
  },
];

/** Of the probes of credentials. */
const credentials: readonly ArmColumn[] = [
  {
    title: "Metadata calls per request",
    cell: (arm, run, probe) => {
      const window = phaseWindows(run, arm.name).fault;
      const record = run.arms[arm.name];
      const span = window === null || record === undefined ? null : callsIn(record, probe, window);
      if (span === null || span.requests === 0) return { text: NONE };
      const ratio = span.calls / span.requests;
      return { text: metricValue(ratio), isBad: ratio >= 0.5 };
    },
  },
];

/** Of jobs that wait for their address. */
const identity: readonly ArmColumn[] = [
  {
    title: "Address after, p99",
    cell: (arm, run, probe) => {
      const delays = delaysOf(run, arm, probe);
      return { text: delays.length === 0 ? NONE : milliseconds(percentile(delays, 99)) };
    },
  },
  {
    title: "Over 2 s",
    cell: (arm, run, probe) => {
      const delays = delaysOf(run, arm, probe);
      const late = delays.filter((delay) => delay > KUBE2IAM_PATIENCE_MS).length;
      return { text: delays.length === 0 ? NONE : percent(late / delays.length) };
    },
  },
  {
    title: "A call waits",
    cell: (arm, run, probe) => {
      const { calls, meanMs } = limiterWaitOf(probe, run.arms[arm.name]?.observations ?? []);
      return { text: calls === 0 ? NONE : milliseconds(meanMs) };
    },
  },
];

function delaysOf(run: RunRecord, { name }: ArmVerdict, probe: string): readonly number[] {
  return addressDelaysOf(jobsOf(probe, run.arms[name]?.observations ?? []).jobs);
}

const COLUMNS: Readonly<Record<ProbeSpec["kind"], readonly ArmColumn[]>> = {
  "pod-terminations": terminations,
  "imds-calls": credentials,
  "credential-sweep": [],
  placement: placementColumns,
  "pod-identity": identity,
};

/** The columns of all probes of a run; a kind that stands there twice has them once. */
export function armColumns(
  run: RunRecord,
): readonly { readonly title: string; readonly of: (arm: ArmVerdict) => Cell }[] {
  const kinds = new Map(Object.entries(run.plan.probes).map(([name, { kind }]) => [kind, name]));
  return [...kinds].flatMap(([kind, probe]) =>
    COLUMNS[kind].map(({ title, cell }) => ({ title, of: (arm: ArmVerdict) => cell(arm, run, probe) })),
  );
}
