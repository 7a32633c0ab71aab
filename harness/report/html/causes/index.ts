/**
 * What a probe saw, as pictures: the causal chain beside the latency and the failures that it led to. A new picture is a
 * file and a row; a kind without a row here does not compile.
 */
import type { ProbeSpec, RunRecord } from "../../../types.ts";
import { phaseWindows } from "../../../verdict/windows.ts";
import { html, type Markup } from "../markup.ts";
import type { CauseInput, CausePicture } from "./cause.ts";
import { sweepPicture } from "./credential-sweep.ts";
import { imdsCallsPicture } from "./imds-calls.ts";
import { jobPictures } from "./jobs.ts";
import { placementPicture } from "./placement.ts";

/** The race between kubelet and ingress has its own place on the page. */
const pictures: Readonly<Record<ProbeSpec["kind"], CausePicture>> = {
  "pod-terminations": {},
  "imds-calls": imdsCallsPicture,
  "credential-sweep": sweepPicture,
  placement: placementPicture,
  "pod-identity": jobPictures,
};

/** Sections of the page. */
export function runCauses(run: RunRecord): Markup {
  const arms = run.plan.arms.flatMap((planned): Omit<CauseInput, "probe">[] => {
    const record = run.arms[planned.name];
    return record === undefined ? [] : [{ run, planned, record, windows: phaseWindows(run, planned.name) }];
  });
  return html`${Object.entries(run.plan.probes).map(([probe, { kind }]) => {
    const inputs = arms.map((arm) => ({ ...arm, probe }));
    return pictures[kind].ofRun?.({ run, probe, arms: inputs }) ?? null;
  })}`;
}

/** Figures of an arm's section. */
export function armCauses(input: Omit<CauseInput, "probe">): Markup {
  return html`${Object.entries(input.run.plan.probes).map(([probe, { kind }]) => pictures[kind].ofArm?.({ ...input, probe }) ?? null)}`;
}
