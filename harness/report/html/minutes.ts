/** Where the time went, from the journal's first to its last line. */
import type { RunRecord } from "../../types.ts";
import { phaseWindows } from "../../verdict/windows.ts";
import { milliseconds } from "../../verdict/words.ts";
import { runEndMs } from "../facts.ts";
import { html, type Markup, px } from "./markup.ts";
import { bothLayouts, type Layout, timeAxis } from "./panel.ts";
import { linear, timeLabel, timeTicks } from "./scale.ts";

type Activity = "prepare" | "baseline" | "fault" | "recovery" | "clean-up";
interface Stretch {
  readonly activity: Activity;
  readonly fromMs: number;
  readonly toMs: number;
}
interface Row {
  readonly name: string;
  readonly stretches: readonly Stretch[];
}
const ROW = { wide: 22, narrow: 34 } as const;
const LABEL = { wide: 150, narrow: 4 } as const;
const REMARK = 90;
const AXIS = 40;

export function minutesChart(run: RunRecord): Markup {
  const rows = rowsOf(run);
  const endMs = runEndMs(run);
  return html`<p class="legend">${(["prepare", "baseline", "fault", "recovery", "clean-up"] as const).map(
    (activity) => html`<span><i class="swatch m-${activity}"></i>${activity}</span>`,
  )}</p>${bothLayouts((layout) => minutesSvg(layout, rows, endMs))}`;
}

function rowsOf(run: RunRecord): readonly Row[] {
  const edges = run.journal.flatMap((entry) => (entry.type === "arm" ? [entry] : []));
  const startMs = run.journal[0]?.t ?? 0;
  const endMs = runEndMs(run);
  const first = edges[0]?.t ?? endMs;
  const last = edges.at(-1)?.t ?? endMs;
  const arms = run.plan.arms.flatMap(({ name }): Row[] => {
    const begin = edges.find((edge) => edge.arm === name && edge.edge === "begin")?.t;
    const end = edges.find((edge) => edge.arm === name && edge.edge === "end")?.t ?? endMs;
    return begin === undefined ? [] : [{ name, stretches: armStretches(run, name, begin, end) }];
  });
  return [
    { name: "cluster, images", stretches: [{ activity: "prepare", fromMs: startMs, toMs: first }] },
    ...arms,
    { name: "end of the run", stretches: [{ activity: "clean-up", fromMs: last, toMs: endMs }] },
  ];
}

function armStretches(run: RunRecord, arm: string, begin: number, end: number): readonly Stretch[] {
  const windows = phaseWindows(run, arm);
  const phases = (["baseline", "fault", "recovery"] as const).flatMap((phase): Stretch[] => {
    const window = windows[phase];
    return window === null ? [] : [{ activity: phase, fromMs: window.beginMs, toMs: window.endMs }];
  });
  const loadFrom = phases[0]?.fromMs ?? end;
  const loadTo = phases.at(-1)?.toMs ?? end;
  return [
    { activity: "prepare", fromMs: begin, toMs: loadFrom },
    ...phases,
    { activity: "clean-up", fromMs: loadTo, toMs: end },
  ];
}

function minutesSvg(layout: Layout, rows: readonly Row[], endMs: number): Markup {
  const wide = layout.name === "wide";
  const right = layout.width - (wide ? REMARK : layout.right);
  const place = linear(0, endMs, LABEL[layout.name], right);
  const height = ROW[layout.name];
  const bottom = 6 + rows.length * height;
  const ticks = timeTicks(0, endMs, wide ? 10 : 5).map((value) => ({ value, label: timeLabel(value, endMs) }));
  const axis = { ...layout, left: LABEL[layout.name], right: layout.width - right };
  return html`<svg viewBox="0 0 ${layout.width} ${bottom + AXIS}" role="img" aria-label="Where the time of the run went">${timeAxis(axis, place, ticks, 6, bottom, "Time since the run began")}${rows.map(
    ({ name, stretches }, index) => {
      const y = 6 + index * height + height / 2;
      const took = milliseconds(stretches.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0));
      const label = wide
        ? html`<text class="row-label" x="0" y="${y + 4}">${name}</text><text class="remark" x="${right + 12}" y="${y + 4}">${took}</text>`
        : html`<text class="row-label" x="${LABEL.narrow}" y="${y - 4}">${name}<tspan class="remark" dx="8">${took}</tspan></text>`;
      const barY = wide ? y : y + 8;
      return html`${label}${stretches.map(
        ({ activity, fromMs, toMs }) =>
          html`<path class="minute m-${activity}" d="M${px(place(fromMs))} ${barY}H${px(Math.max(place(fromMs) + 1, place(toMs)))}"><title>${name}, ${activity}: ${milliseconds(toMs - fromMs)}</title></path>`,
      )}`;
    },
  )}</svg>`;
}
