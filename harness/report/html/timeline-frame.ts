/** What stands around the panels of a chart over a run's time: the phases, and when each fault was in. */
import type { PhaseWindows } from "../../verdict/windows.ts";
import type { FaultSpan } from "./fault-kinds.ts";
import { html, type Markup, px } from "./markup.ts";
import type { Layout } from "./panel.ts";
import type { Scale } from "./scale.ts";

/** Heights of the strip with the phases' names, and of a fault's lane under it. */
export const PHASE_STRIP = 22;
export const LANE = 19;

/** Behind everything else: when each fault was in. */
export function faultShades(faults: readonly FaultSpan[], place: Scale, top: number, bottom: number): Markup {
  return html`${faults.map(({ style, fromMs, toMs }) => {
    const width = Math.max(1, place(toMs) - place(fromMs));
    return html`<rect class="shade ${style}" x="${px(place(fromMs))}" y="${top}" width="${px(width)}" height="${px(bottom - top)}"/>`;
  })}`;
}

/** A lane for each fault: its name where it was in. */
export function faultLanes(layout: Layout, faults: readonly FaultSpan[], place: Scale, top: number): Markup {
  return html`${faults.map(({ style, label, fromMs, toMs }, index) => {
    const y = top + index * LANE;
    const [from, width] = [place(fromMs), Math.max(2, place(toMs) - place(fromMs))];
    const room = Math.floor((layout.width - layout.right - from) / 6.4);
    const text = label.length <= room ? label : `${label.slice(0, Math.max(1, room - 1))}…`;
    return html`<g><title>${label}</title><rect class="lane ${style}" x="${px(from)}" y="${y + 1}" width="${px(width)}" height="${LANE - 3}" rx="2"/><text class="lane-label" x="${px(from + 6)}" y="${y + 13}">${text}</text></g>`;
  })}`;
}

/** Names of the phases; where the first or the last is narrow, its name leans into the margin. */
export function phaseNames(layout: Layout, windows: PhaseWindows, place: Scale, bottom: number): Markup {
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
