/** What a picture of a causal chain is, and what it is drawn from. */
import type { ArmRecord, PlannedArm, RunRecord } from "../../../types.ts";
import type { PhaseWindows } from "../../../verdict/windows.ts";
import type { Markup } from "../markup.ts";

/** One probe in one arm. */
export interface CauseInput {
  readonly run: RunRecord;
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
