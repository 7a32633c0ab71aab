/** All there is to say about one arm. */
import type { ArmRecord, ArmVerdict, PlannedArm, RequestColumns, RunRecord, Termination } from "../../types.ts";
import type { ArmStatistics } from "../../verdict/compare.ts";
import { mainNoun } from "../../verdict/samples.ts";
import { type PhaseWindows, phaseWindows, type Window } from "../../verdict/windows.ts";
import { count, counted, milliseconds } from "../../verdict/words.ts";
import type { ArmRow } from "../arms.ts";
import { FAMILIES, type Family, failuresOf } from "./bins.ts";
import { armCauses } from "./causes/index.ts";
import { checksTable } from "./checks-table.ts";
import { faultEvidence } from "./evidence.ts";
import { faultSpans } from "./fault-kinds.ts";
import { raceLegend, timelineLegend } from "./legends.ts";
import { html, type Markup } from "./markup.ts";
import { signed } from "./pods-panel.ts";
import { podRaceChart } from "./race-chart.ts";
import { timelineChart } from "./timeline-chart.ts";
import { expectedMark, verdictChip } from "./verdict-chip.ts";

const NOTHING: ArmRecord = { requests: null, upstream: null, observations: [] };

export function armSection(run: RunRecord, row: ArmRow): Markup {
  const { arm, figures } = row;
  const planned = run.plan.arms.find((candidate) => candidate.name === arm.name);
  if (planned === undefined) return html``;
  const windows = phaseWindows(run, arm.name);
  const requests = run.arms[arm.name]?.requests ?? null;
  const zeroMs = windows.run?.beginMs ?? 0;
  return html`<section class="arm" id="arm-${arm.name}">
<header><p class="overline">${arm.role} arm</p><h2>${arm.name}</h2><p class="verdict-line">${verdictChip(arm.verdict)} ${expectedMark(arm.asExpected, arm.expected)}</p></header>
<p class="because-line">${arm.because}</p>
<p class="note">Expected ${arm.expected}: ${planned.because}</p>
${checksTable(arm)}
${run.plan.loadScript === null ? null : requests === null || windows.run === null ? html`<p class="note">No requests were recorded.</p>` : timeline(run, planned, arm, requests, windows.run, windows)}
${badStretch(figures, arm, zeroMs, mainNoun(run.plan))}
${armCauses({ run, planned, record: run.arms[arm.name] ?? NOTHING, windows })}
${arm.terminations.length === 0 ? null : race(arm)}
${faultEvidence(planned, arm.faults, zeroMs)}
</section>`;
}

function timeline(
  run: RunRecord,
  planned: PlannedArm,
  arm: ArmVerdict,
  requests: RequestColumns,
  window: Window,
  windows: PhaseWindows,
): Markup {
  const faults = faultSpans(run.journal, planned, window.endMs);
  const present = new Set<Family>(failuresOf(requests, window).map((failure) => failure.family));
  const families = new Set(FAMILIES.filter((family) => present.has(family)));
  const { terminations } = arm;
  return html`<figure><figcaption><h3>What the clients saw</h3>${timelineLegend(families, terminations.length > 0)}</figcaption>${timelineChart(
    { arm: arm.name, requests, run: window, windows, faults, terminations },
  )}</figure>`;
}

/** When it went wrong, and how much for each pod. */
function badStretch(
  { badRun, bad, interrupted }: ArmStatistics,
  arm: ArmVerdict,
  zeroMs: number,
  one: string,
): Markup | null {
  if (badRun === null) return null;
  const pods = arm.terminations.length;
  const perPod = pods === 0 ? "" : ` That is ${count(bad / pods)} for each of ${counted(pods, "terminated pod")}.`;
  const cut = interrupted === 0 ? "" : ` ${count(interrupted)} more were cut off by the end.`;
  const run =
    badRun.longestCount === 1
      ? "No two in a row failed."
      : `The longest unbroken run was ${counted(badRun.longestCount, one)} within ${milliseconds(badRun.longestMs)}.`;
  return html`<p>In the fault phase the first ${one} failed ${milliseconds(badRun.firstMs - zeroMs)} after the baseline began, the last after ${milliseconds(badRun.lastMs - zeroMs)}. ${run}${perPod}${cut}</p>`;
}

function race(arm: ArmVerdict): Markup {
  return html`<figure><figcaption><h3>Each pod's race, from its delete on</h3>${raceLegend(arm.terminations)}<p class="note">Numbers in the legend are medians. A pod is safe when its listener stays open until the ingress has sent its last request.</p></figcaption>${podRaceChart(arm.name, arm.terminations)}</figure>
<details><summary>The numbers of ${counted(arm.terminations.length, "pod")}</summary>${podTable(arm.terminations)}</details>`;
}

function podTable(pods: readonly Termination[]): Markup {
  const head = [
    "t1 SIGTERM",
    "listener closed",
    "t2 not ready",
    "t3 last request",
    "exit",
    "gone",
    "after close",
    "of those failed",
    "expected",
    "preStop needed",
  ];
  return html`<div class="scroll"><table class="pods"><thead><tr><th>Pod</th>${head.map((title) => html`<th class="number">${title}</th>`)}</tr></thead><tbody>${pods.map(
    (pod) => {
      const after = (at: number | null) => (at === null ? "–" : signed(at - pod.deletedMs));
      const cells = [
        ...[pod.sigtermMs, pod.listenerClosedMs, pod.notReadyMs, pod.lastRequestMs, pod.exitMs, pod.goneMs].map(after),
        count(pod.requestsAfterClose),
        count(pod.failedAfterClose),
        count(pod.expectedInWindow),
        pod.preStopNeededMs === null ? "–" : milliseconds(pod.preStopNeededMs),
      ];
      return html`<tr><th scope="row">${pod.pod}<span class="role">${pod.ip}${pod.node === null ? null : ` on ${pod.node}`}</span></th>${cells.map((cell) => html`<td class="number">${cell}</td>`)}</tr>`;
    },
  )}</tbody></table></div>`;
}
