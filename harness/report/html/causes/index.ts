/**
 * What a probe saw, as pictures: the causal chain beside the latency and the failures that it led to. A new picture is a
 * file and a row; a kind without a row here does not compile.
 */
import type { ArmRecord, PlannedArm, ProbeSpec, RunRecord } from "../../../types.ts";
import { type PhaseWindows, phaseWindows } from "../../../verdict/windows.ts";
import { html, type Markup } from "../markup.ts";

/** One probe in one arm. */
export interface CauseInput {
  readonly probe: string;
  readonly planned: PlannedArm;
  readonly record: ArmRecord;
  readonly windows: PhaseWindows;
}
/** One probe in all arms, in the plan's order; arms that did not run are left out. */
export interface CausesInput {
  readonly run: RunRecord;
  readonly probe: string;
  readonly arms: readonly CauseInput[];
}
export interface CausePicture {
  /** A section of the page that shows the arms side by side, with its own heading; null: nothing to show. */
  readonly ofRun?: (input: CausesInput) => Markup | null;
  /** A figure of an arm's section, under what the clients saw; null: nothing to show. */
  readonly ofArm?: (input: CauseInput) => Markup | null;
}

/** The race between kubelet and ingress has its own place on the page. */
const pictures: Readonly<Record<ProbeSpec["kind"], CausePicture>> = {
  "pod-terminations": {},
  "imds-calls": {},
  "credential-sweep": {},
};

/** Sections of the page. */
export function runCauses(run: RunRecord): Markup {
  const arms = run.plan.arms.flatMap((planned): Omit<CauseInput, "probe">[] => {
    const record = run.arms[planned.name];
    return record === undefined ? [] : [{ planned, record, windows: phaseWindows(run, planned.name) }];
  });
  return html`${Object.entries(run.plan.probes).map(([probe, { kind }]) => {
    const inputs = arms.map((arm) => ({ ...arm, probe }));
    return pictures[kind].ofRun?.({ run, probe, arms: inputs }) ?? null;
  })}`;
}

/** Figures of an arm's section. */
export function armCauses(run: RunRecord, input: Omit<CauseInput, "probe">): Markup {
  return html`${Object.entries(run.plan.probes).map(([probe, { kind }]) => pictures[kind].ofArm?.({ ...input, probe }) ?? null)}`;
}
