/** A cascade as a picture: the nodes of each arm with their replicas, and for one arm their CPU time as well. */
import { type NodeDown, type Placement, placementOf, stepsWithin, wantedReplicas } from "../../../verdict/placement.ts";
import type { Window } from "../../../verdict/windows.ts";
import { count, counted, milliseconds, percent } from "../../../verdict/words.ts";
import { cascadeFigures } from "../../cascade.ts";
import { html, type Markup, px } from "../markup.ts";
import { bothLayouts, type Layout, timeAxis } from "../panel.ts";
import { linear, type Scale, timeLabel, timeTicks } from "../scale.ts";
import type { CauseInput, CausePicture, CausesInput } from "./cause.ts";
import { CPU_HEIGHT, nodeCpu } from "./node-cpu.ts";
import { type LaneInput, nodeLane, shortName } from "./node-lanes.ts";

const AXIS = 40;
const LANE = { height: 18, gap: 46 };
const SMALL = { height: 9, gap: 3, between: 16 };
const LABEL = { wide: 168, narrow: 4 } as const;
const REMARK = 262;

export const placementPicture: CausePicture = {
  ofRun: (input) => (input.arms.some((arm) => shown(arm) !== null) ? overview(input) : null),
  ofArm: (input) => {
    const seen = shown(input);
    return seen === null ? null : figure(input, seen);
  },
};

interface Seen {
  readonly placement: Placement;
  readonly run: Window;
  readonly fault: Window;
  readonly wanted: number;
}

/** null where the arm never got that far, or the probe saw no node. */
function shown({ probe, record, windows }: CauseInput): Seen | null {
  const placement = placementOf(probe, record);
  const { run, fault } = windows;
  if (run === null || fault === null || placement.nodes.length === 0) return null;
  return { placement, run, fault, wanted: Math.max(1, wantedReplicas(placement, fault)) };
}

function overview({ arms }: CausesInput): Markup {
  const rows = arms.flatMap((arm) => {
    const seen = shown(arm);
    return seen === null ? [] : [{ arm, seen }];
  });
  return html`<section><h2>Where the replicas were</h2><p class="lead">Each arm's nodes, one lane each, from the begin of the fault phase on: the darker, the more of the replicas. A node that is down takes its replicas with it, until they are moved; where they are moved together, the next node follows.</p>
<figure>${legend(false)}${bothLayouts((layout) => overviewSvg(layout, rows))}</figure></section>`;
}

function overviewSvg(layout: Layout, rows: readonly { readonly arm: CauseInput; readonly seen: Seen }[]): Markup {
  const wide = layout.name === "wide";
  const left = LABEL[layout.name];
  const right = layout.width - (wide ? REMARK : layout.right);
  const head = wide ? 0 : 20;
  const spanMs = Math.max(1_000, ...rows.map(({ seen }) => seen.run.endMs - seen.fault.beginMs));
  const x = linear(0, spanMs, left, right);
  let y = 6;
  const drawn = rows.map(({ arm, seen }) => {
    const { nodes } = seen.placement;
    const top = y + head;
    const height = nodes.length * (SMALL.height + SMALL.gap) - SMALL.gap;
    y = top + height + SMALL.between;
    const window = { ...seen.run, beginMs: seen.fault.beginMs };
    const lane: LaneInput = { ...seen, window, place: (ms) => x(ms - seen.fault.beginMs) };
    const lanes = nodes.map((node, i) => nodeLane(node, lane, top + i * (SMALL.height + SMALL.gap), SMALL.height));
    const figures = cascadeFigures(arm);
    const late = figures.down > 1 || figures.hung > 0 ? " late" : "";
    const middle = top + height / 2 + 4;
    const words = wide
      ? html`<text class="row-label strong" x="0" y="${px(middle)}">${arm.planned.name}</text><text class="remark${late}" x="${right + 14}" y="${px(middle)}">${remark(arm)}</text>`
      : html`<text class="row-label strong" x="${left}" y="${px(top - 6)}">${arm.planned.name}<tspan class="remark${late}" dx="8">${remark(arm)}</tspan></text>`;
    return html`${words}${lanes}`;
  });
  const ticks = timeTicks(0, spanMs, wide ? 10 : 5).map((value) => ({ value, label: timeLabel(value, spanMs) }));
  const axis = { ...layout, left, right: layout.width - right };
  return html`<svg viewBox="0 0 ${layout.width} ${px(y + AXIS)}" role="img" aria-label="Nodes and replicas of each arm over time">${timeAxis(axis, x, ticks, 4, y, "Time since the fault phase began")}${drawn}</svg>`;
}

/** "2 nodes down, back after 32 s" */
function remark(arm: CauseInput): string {
  const { down, recoverMs, hung, largestShare } = cascadeFigures(arm);
  if (hung > 0) return `${counted(hung, "rollout")} hangs`;
  if (down > 0) return `${counted(down, "node")} down, all back after ${milliseconds(recoverMs)}`;
  return `no node down, at most ${percent(largestShare)} on one`;
}

function figure(input: CauseInput, seen: Seen): Markup {
  return html`<figure><figcaption><h3>Where the replicas were, and what the nodes had left</h3>${legend(true)}</figcaption>${bothLayouts((layout) => armSvg(layout, input, seen))}</figure>${downTable(seen)}${pendingTable(seen)}`;
}

function armSvg(layout: Layout, { planned }: CauseInput, seen: Seen): Markup {
  const { placement, run, fault } = seen;
  const place = linear(run.beginMs, run.endMs, layout.left, layout.width - layout.right);
  const step = LANE.height + CPU_HEIGHT + LANE.gap;
  const top = 30;
  const rows = placement.nodes.map((node, i) => {
    const y = top + i * step;
    const name = shortName(node, placement.nodes);
    const aside = throttledWords(placement, node, fault);
    return html`<text class="panel-title" x="${layout.left}" y="${px(y - 9)}">${name}<tspan class="aside" dx="8">${aside}</tspan></text>${nodeLane(node, { ...seen, window: run, place }, y, LANE.height)}${nodeCpu(
      layout,
      placement.cpu.filter((one) => one.node === node),
      run,
      place,
      y + LANE.height + 6,
    )}`;
  });
  const bottom = top + placement.nodes.length * step - LANE.gap + 12;
  const spanMs = run.endMs - run.beginMs;
  const ticks = timeTicks(0, spanMs, layout.name === "wide" ? 12 : 5).map((ms) => ({
    value: run.beginMs + ms,
    label: timeLabel(ms, spanMs),
  }));
  return html`<svg viewBox="0 0 ${layout.width} ${px(bottom + AXIS)}" role="img" aria-label="Replicas and CPU time of each node of arm ${planned.name} over time">${timeAxis(layout, place, ticks, 8, bottom, layout.name === "wide" ? "Time since the baseline began" : "Since the baseline began")}${edges(seen, place, bottom)}${rows}</svg>`;
}

function edges({ fault }: Seen, place: Scale, bottom: number): Markup {
  return html`${[fault.beginMs, fault.endMs].map((ms) => html`<path class="phase-edge" d="M${px(place(ms))} 4V${px(bottom)}"/>`)}`;
}

/** How often the node hit its cap while the fault was in and it was not down. */
function throttledWords({ cpu, downs }: Placement, node: string, fault: Window): string {
  const isDown = (t: number) => downs.some((d) => d.node === node && t >= d.fromMs && t < (d.toMs ?? fault.endMs));
  const own = cpu.filter((one) => one.node === node && one.t >= fault.beginMs && one.t < fault.endMs && !isDown(one.t));
  if (own.length === 0) return "";
  const mean = own.reduce((sum, { throttled }) => sum + throttled, 0) / own.length;
  return `at its cap of ${count(own[0]?.cap ?? 0)} CPUs in ${percent(Number(mean.toFixed(2)))} of the time`;
}

function legend(cpu: boolean): Markup {
  const more = cpu
    ? html`<span><i class="swatch l-by-replicas"></i>CPU time of the replicas</span><span><i class="swatch l-by-node"></i>of the whole node</span><span><i class="swatch l-cap"></i>its cap</span>`
    : null;
  return html`<p class="legend"><span><i class="swatch l-replicas"></i>replicas on a node, the darker the more</span><span><i class="swatch l-late"></i>node not Ready</span>${more}</p>`;
}

function downTable({ placement, run, fault }: Seen): Markup | null {
  const downs = placement.downs.filter(({ fromMs }) => fromMs >= run.beginMs && fromMs < run.endMs);
  if (downs.length === 0) return null;
  const row = ({ node, fromMs, toMs }: NodeDown) =>
    html`<tr><th scope="row">${node}</th><td class="number" data-title="Not Ready">${milliseconds(fromMs - fault.beginMs)}</td><td class="number" data-title="Ready again">${toMs === null ? "–" : milliseconds(toMs - fault.beginMs)}</td></tr>`;
  return html`<table class="cards"><thead><tr><th>Node that went down</th><th class="number">Not Ready, after the fault phase began</th><th class="number">Ready again</th></tr></thead><tbody>${downs.map(row)}</tbody></table>`;
}

/** Pods that waited for a node, the longest first, with the last reason that the scheduler gave. */
function pendingTable({ placement, run }: Seen): Markup | null {
  const waits = new Map<string, { ms: number; why: string }>();
  const steps = stepsWithin(placement, run);
  for (const [i, { t, pending }] of steps.entries()) {
    const lasted = (steps[i + 1]?.t ?? run.endMs) - t;
    for (const { pod, why } of pending) {
      const known = waits.get(pod) ?? { ms: 0, why };
      waits.set(pod, { ms: known.ms + lasted, why: why || known.why });
    }
  }
  const long = [...waits].filter(([, { ms, why }]) => ms >= 1_000 && why !== "").sort(([, a], [, b]) => b.ms - a.ms);
  if (long.length === 0) return null;
  return html`<table class="cards"><thead><tr><th>Pod that waited for a node</th><th class="number">For</th><th>The scheduler's reason</th></tr></thead><tbody>${long
    .slice(0, 6)
    .map(
      ([pod, { ms, why }]) =>
        html`<tr><th scope="row">${pod}</th><td class="number" data-title="For">${milliseconds(ms)}</td><td data-title="Reason">${why}</td></tr>`,
    )}</tbody></table>`;
}
