/** The race between kubelet and ingress: every pod, or every arm's median, aligned at the delete. */
import type { Termination } from "../../types.ts";
import { closedMsOf } from "../../verdict/terminations.ts";
import { count, milliseconds } from "../../verdict/words.ts";
import { medianRace, type Race, raceOf } from "../facts.ts";
import { type Glyph, glyph } from "./glyphs.ts";
import { html, type Markup, px } from "./markup.ts";
import { bothLayouts, type Layout, timeAxis } from "./panel.ts";
import { podSentence } from "./pods-panel.ts";
import { linear, type Scale, timeLabel, timeTicks } from "./scale.ts";

interface Row {
  readonly label: string;
  readonly sentence: string;
  readonly race: Race;
  /** When it took no more connections, ms after the delete. */
  readonly closedMs: number | null;
  /** Requests came after that. */
  readonly late: boolean;
  /** At the right, where there is room. */
  readonly remark: string;
}
interface RaceLayout {
  readonly rowHeight: number;
  readonly thickness: number;
  readonly labelWidth: { readonly wide: number; readonly narrow: number };
  /** On narrow pages the label and the remark stand above the bar. */
  readonly stacked: boolean;
}
const PODS: RaceLayout = { rowHeight: 17, thickness: 7, labelWidth: { wide: 92, narrow: 58 }, stacked: false };
const ARMS: RaceLayout = { rowHeight: 38, thickness: 12, labelWidth: { wide: 150, narrow: 8 }, stacked: true };
const REMARK_WIDTH = { pods: 150, arms: 268 };
const AXIS = 40;
const TOP = 10;

/** One row for each pod, in the order of the deletes. */
export function podRaceChart(arm: string, pods: readonly Termination[]): Markup {
  const rows = pods.map((pod): Row => {
    const closedMs = closedMsOf(pod);
    return {
      label: pod.pod.split("-").at(-1) ?? pod.pod,
      sentence: podSentence(pod),
      race: raceOf(pod),
      closedMs: closedMs === null ? null : closedMs - pod.deletedMs,
      late: pod.requestsAfterClose > 0,
      remark: pod.requestsAfterClose === 0 ? "" : `${count(pod.requestsAfterClose)} after close`,
    };
  });
  const label = `Steps of each terminated pod of arm ${arm}, aligned at the delete`;
  return bothLayouts((layout) => raceSvg(layout, rows, PODS, REMARK_WIDTH.pods, label));
}

/** One row for each arm that terminated pods: the medians, and what they come to. */
export function armRaceChart(
  arms: readonly { readonly name: string; readonly terminations: readonly Termination[] }[],
): Markup {
  const rows = arms.map(({ name, terminations }): Row => {
    const race = medianRace(terminations);
    const closedMs = race.closed ?? race.exit ?? race.gone;
    const late = terminations.some((pod) => pod.requestsAfterClose > 0);
    const remark = marginWords(race, closedMs, late);
    return { label: name, sentence: `${name}: ${remark}`, race, closedMs, late, remark };
  });
  const label = "The race in each arm: median steps, aligned at the delete";
  return bothLayouts((layout) => raceSvg(layout, rows, ARMS, REMARK_WIDTH.arms, label));
}

/** Whether the listener outlasted the ingress, and by how much. */
function marginWords({ lastRequest }: Race, closedMs: number | null, late: boolean): string {
  if (lastRequest === null || closedMs === null) return "not measurable";
  const margin = closedMs - lastRequest;
  if (margin < 0 && late) return `listener closed ${milliseconds(-margin)} too early`;
  return late ? "some listeners closed too early" : `listener outlasted it by ${milliseconds(margin)}`;
}

function raceSvg(layout: Layout, rows: readonly Row[], style: RaceLayout, remarkWidth: number, label: string): Markup {
  const stacked = style.stacked && layout.name === "narrow";
  const left = style.labelWidth[layout.name];
  const right = layout.width - (layout.name === "wide" ? remarkWidth : layout.right + 6);
  const rowHeight = stacked ? style.rowHeight + 16 : style.rowHeight;
  const endMs = Math.max(
    1_000,
    ...rows.flatMap(({ race, closedMs }) => [...Object.values(race), closedMs].map((ms) => ms ?? 0)),
  );
  // A last request long before the delete stays at the edge, or it would take the room of all others.
  const firstMs = Math.min(-endMs * 0.015, ...rows.map(({ race }) => Math.max(race.lastRequest ?? 0, -endMs * 0.1)));
  const line = linear(firstMs, endMs, left, right);
  const place: Scale = (ms) => line(Math.max(ms, firstMs));
  const bottom = TOP + rows.length * rowHeight;
  const ticks = timeTicks(0, endMs, layout.name === "wide" ? 10 : 5).map((value) => ({
    value,
    label: timeLabel(value, endMs),
  }));
  const axisLayout = { ...layout, left, right: layout.width - right };
  return html`<svg viewBox="0 0 ${layout.width} ${bottom + AXIS}" role="img" aria-label="${label}">${timeAxis(axisLayout, place, ticks, TOP, bottom, "Time since the delete (t0)")}<path class="t0" d="M${px(place(0))} ${TOP}V${bottom}"/>${rows.map(
    (row, index) => raceRow(layout, row, style, stacked, place, { y: TOP + index * rowHeight, rowHeight, right }),
  )}</svg>`;
}

function raceRow(
  layout: Layout,
  row: Row,
  style: RaceLayout,
  stacked: boolean,
  place: Scale,
  at: { readonly y: number; readonly rowHeight: number; readonly right: number },
): Markup {
  const middle = stacked ? at.y + 16 + style.rowHeight / 2 : at.y + at.rowHeight / 2;
  const wide = layout.name === "wide";
  const name = style.stacked ? "row-label strong" : "row-label";
  const label = stacked
    ? html`<text class="${name}" x="${px(place(0))}" y="${px(at.y + 14)}">${row.label}<tspan class="remark${row.late ? " late" : ""}" dx="8">${row.remark}</tspan></text>`
    : html`<text class="${name}" x="${style.stacked ? 0 : style.labelWidth[layout.name] - 10}" y="${px(middle + 4)}" text-anchor="${style.stacked ? "start" : "end"}">${row.label}</text>`;
  const remark = wide
    ? html`<text class="remark${row.late ? " late" : ""}" x="${at.right + 14}" y="${px(middle + 4)}">${row.remark}</text>`
    : null;
  return html`<g><title>${row.sentence}</title>${label}${bars(row, place, middle, style.thickness)}${glyphs(row, place, middle)}${remark}</g>`;
}

function bars({ race, closedMs, late }: Row, place: Scale, y: number, thickness: number): Markup {
  const x = (ms: number) => px(place(ms));
  const endMs = Math.max(0, race.gone ?? 0, race.exit ?? 0, closedMs ?? 0);
  const life = html`<path class="p-life" d="M${x(0)} ${px(y)}H${x(endMs)}"/>`;
  if (closedMs === null) return life;
  const open = html`<path class="p-open" stroke-width="${thickness}" d="M${x(0)} ${px(y)}H${px(Math.max(place(0) + 1, place(closedMs)))}"/>`;
  const isLate = late && race.lastRequest !== null && race.lastRequest > closedMs;
  const lateBar = isLate
    ? html`<path class="p-late" stroke-width="${thickness}" d="M${x(closedMs)} ${px(y)}H${x(race.lastRequest)}"/>`
    : null;
  return html`${life}${open}${lateBar}`;
}

function glyphs({ race, late }: Row, place: Scale, y: number): Markup {
  const order: readonly Glyph[] = ["gone", "exit", "closed", "sigterm", "notReady", "lastRequest"];
  return html`${order.map((kind) => {
    const ms = race[kind];
    return ms === null ? null : glyph(kind, place(ms), y, late);
  })}`;
}
