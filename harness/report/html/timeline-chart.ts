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
import { linear, type Scale, timeLabel, timeTicks } from "./scale.ts";

export interface TimelineInput {
  readonly arm: string;
  readonly requests: RequestColumns;
  readonly run: Window;
  readonly windows: PhaseWindows;
  readonly faults: readonly FaultSpan[];
  readonly terminations: readonly Termination[];
}
const PHASE_STRIP = 22;
const LANE = 19;
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
${shades(faults, place, lanesTop, bottom)}${timeAxis(layout, place, ticks, lanesTop + faults.length * LANE + 6, bottom, layout.name === "wide" ? "Time since the load began" : "Since the load began")}${phases(layout, input.windows, place, bottom)}${lanes(layout, faults, place, lanesTop)}
${latencyPanel(layout, latencyTop, bins, failures, place)}
${failedPanel(layout, failedTop, bins, place)}
${goodPanel(layout, goodTop, bins, place)}
${terminations.length === 0 ? null : podsPanel(layout, podsTop, terminations, (ms) => place(Math.min(ms, run.endMs)))}
</svg>`;
}

function shades(faults: readonly FaultSpan[], place: Scale, top: number, bottom: number): Markup {
  return html`${faults.map(({ style, fromMs, toMs }) => {
    const width = Math.max(1, place(toMs) - place(fromMs));
    return html`<rect class="shade ${style}" x="${px(place(fromMs))}" y="${top}" width="${px(width)}" height="${px(bottom - top)}"/>`;
  })}`;
}

/** A lane for each fault: its name where it was in. */
function lanes(layout: Layout, faults: readonly FaultSpan[], place: Scale, top: number): Markup {
  return html`${faults.map(({ style, label, fromMs, toMs }, index) => {
    const y = top + index * LANE;
    const [from, width] = [place(fromMs), Math.max(2, place(toMs) - place(fromMs))];
    const room = Math.floor((layout.width - layout.right - from) / 6.4);
    const text = label.length <= room ? label : `${label.slice(0, Math.max(1, room - 1))}…`;
    return html`<g><title>${label}</title><rect class="lane ${style}" x="${px(from)}" y="${y + 1}" width="${px(width)}" height="${LANE - 3}" rx="2"/><text class="lane-label" x="${px(from + 6)}" y="${y + 13}">${text}</text></g>`;
  })}`;
}

/** Names of the phases; where the first or the last is narrow, its name leans into the margin. */
function phases(layout: Layout, windows: PhaseWindows, place: Scale, bottom: number): Markup {
  return html`${(["baseline", "fault", "recovery"] as const).map((phase) => {
    const window = windows[phase];
    if (window === null) return null;
    const [from, to] = [place(window.beginMs), place(window.endMs)];
    const edge = phase === "baseline" ? null : html`<path class="phase-edge" d="M${px(from)} 4V${px(bottom)}"/>`;
    const needed = phase.length * 7.4;
    const name = (x: number, anchor: string) =>
      html`<text class="phase" x="${px(x)}" y="14" text-anchor="${anchor}">${phase}</text>`;
    if (to - from > needed) return html`${edge}${name((from + to) / 2, "middle")}`;
    if (phase === "baseline" && to > needed) return html`${edge}${name(to - 6, "end")}`;
    const leans = phase === "recovery" && layout.name === "wide";
    return html`${edge}${leans ? name(from + 6, "start") : null}`;
  })}`;
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
