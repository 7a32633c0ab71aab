/** One arm on one time axis: faults, latency, failures, throughput, and the pods that were terminated. */
import type { RequestColumns, Termination } from "../../types.ts";
import type { PhaseWindows, Window } from "../../verdict/windows.ts";
import { type Bins, binRequests, FAMILIES, failuresOf } from "./bins.ts";
import type { FaultSpan } from "./fault-kinds.ts";
import { LATENCY_HEIGHT, latencyPanel } from "./latency-panel.ts";
import { embeddedJson, html, type Markup, px } from "./markup.ts";
import { bothLayouts, type Layout, timeAxis } from "./panel.ts";
import { podsHeight, podsPanel } from "./pods-panel.ts";
import { failedHeight, failedPanel, GOOD_HEIGHT, goodPanel } from "./rate-panels.ts";
import { linear, timeLabel, timeTicks } from "./scale.ts";
import { faultLanes, faultShades, LANE, PHASE_STRIP, phaseNames } from "./timeline-frame.ts";

export interface TimelineInput {
  readonly arm: string;
  readonly requests: RequestColumns;
  readonly run: Window;
  readonly windows: PhaseWindows;
  readonly faults: readonly FaultSpan[];
  readonly terminations: readonly Termination[];
}
const GAP = 34;
const AXIS = 40;

/** The chart in both layouts, and its numbers for the crosshair. */
export function timelineChart(input: TimelineInput): Markup {
  const bins = binRequests(input.requests, input.run);
  return html`<div class="chart" data-arm="${input.arm}">${bothLayouts((layout) => timelineSvg(layout, input, bins))}<script type="application/json">${embeddedJson(readings(bins))}</script></div>`;
}

function timelineSvg(layout: Layout, input: TimelineInput, bins: Bins): Markup {
  const { run, faults, terminations } = input;
  const place = linear(run.beginMs, run.endMs, layout.left, layout.width - layout.right);
  const failures = failuresOf(input.requests, run);
  const lanesTop = PHASE_STRIP;
  const latencyTop = lanesTop + faults.length * LANE + GAP;
  const failedTop = latencyTop + LATENCY_HEIGHT + GAP;
  const goodTop = failedTop + failedHeight(bins) + GAP;
  const podsTop = goodTop + GOOD_HEIGHT + GAP;
  const bottom =
    terminations.length === 0 ? goodTop + GOOD_HEIGHT : podsTop + podsHeight(layout, terminations.length) + 6;
  const span = run.endMs - run.beginMs;
  const ticks = timeTicks(0, span, layout.name === "wide" ? 12 : 5).map((ms) => ({
    value: run.beginMs + ms,
    label: timeLabel(ms, span),
  }));
  const label = `Latency, failures, throughput and terminated pods of arm ${input.arm} over time`;
  return html`<svg viewBox="0 0 ${layout.width} ${px(bottom + AXIS)}" role="img" aria-label="${label}" data-from="${layout.left}" data-to="${layout.width - layout.right}" data-top="${latencyTop}" data-bottom="${px(bottom)}">
${faultShades(faults, place, lanesTop, bottom)}${timeAxis(layout, place, ticks, lanesTop + faults.length * LANE + 6, bottom, layout.name === "wide" ? "Time since the load began" : "Since the load began")}${phaseNames(layout, input.windows, place, bottom)}${faultLanes(layout, faults, place, lanesTop)}
${latencyPanel(layout, latencyTop, bins, failures, place)}
${failedPanel(layout, failedTop, bins, place)}
${goodPanel(layout, goodTop, bins, place)}
${terminations.length === 0 ? null : podsPanel(layout, podsTop, terminations, (ms) => place(Math.min(ms, run.endMs)))}
</svg>`;
}

/** What the crosshair says; whole numbers and tenths of ms, one entry for each bin. */
function readings(bins: Bins) {
  const tenth = (value: number) => (Number.isNaN(value) ? null : Math.round(value * 10) / 10);
  return {
    widthMs: bins.widthMs,
    good: [...bins.good],
    failed: FAMILIES.map((family) => (bins.failed[family].some((count) => count > 0) ? [...bins.failed[family]] : [])),
    p50: Array.from(bins.p50, tenth),
    p99: Array.from(bins.p99, tenth),
  };
}
