/** Metadata calls, and where the time of requests went: all arms side by side, and each arm over time. */
import type { ImdsSettings } from "../../../fault-specs.ts";
import { type CallSpan, callsIn, seen, sinceLook, type TimeSpent, timeSpentIn } from "../../../verdict/imds.ts";
import { metricValue, milliseconds, percent } from "../../../verdict/words.ts";
import { NONE } from "../../arm-columns.ts";
import { html, type Markup, px } from "../markup.ts";
import { bothLayouts, type Layout, panelFrame, timeAxis } from "../panel.ts";
import { amountTicks, linear, timeLabel, timeTicks } from "../scale.ts";
import type { CauseInput, CausePicture, CausesInput } from "./cause.ts";

const PARTS: Readonly<Record<string, string>> = {
  credentials: "credentials",
  dns: "DNS",
  upstream: "the other service",
  rest: "the rest",
};
const CALLS: Readonly<Record<string, string>> = {
  role: "name of the role",
  credentials: "its credentials",
  token: "token",
};
const ROW = { wide: 30, narrow: 46 } as const;
const LABEL = { wide: 150, narrow: 8 } as const;
const REMARK = 250;
const AXIS = 40;
const CALLS_HEIGHT = 90;
const TOP = 26;

export const imdsCallsPicture: CausePicture = {
  ofRun: (input) => {
    const rows = rowsOf(input);
    if (rows.every(({ span }) => span === null)) return null;
    return html`<section><h2>Where the time of a request went</h2><p class="lead">Each request needs credentials. A client that keeps them asks the metadata service once; one that takes them for too old asks before every request, and waits.</p>
${timeFigure(rows)}${callsTable(rows)}</section>`;
  },
  ofArm: (input) => {
    const bins = callsPerLook(input);
    if (bins.length === 0) return null;
    return html`<figure><figcaption><h3>Metadata calls per second, counted at the mock</h3>${legend(CALLS, "k")}</figcaption>${bothLayouts((layout) => callsSvg(layout, input, bins))}</figure>`;
  },
};

interface Row {
  readonly arm: string;
  readonly imds: ImdsSettings | undefined;
  readonly span: CallSpan | null;
  readonly spent: TimeSpent | null;
}

function rowsOf({ arms, probe }: CausesInput): readonly Row[] {
  return arms.map(({ planned, record, windows: { fault } }) => ({
    arm: planned.name,
    imds: planned.imds,
    span: fault === null ? null : callsIn(record, probe, fault),
    spent: fault === null ? null : timeSpentIn(record, probe, fault),
  }));
}

const legend = (labels: Readonly<Record<string, string>>, style: string): Markup =>
  html`<p class="legend">${Object.entries(labels).map(([key, label]) => html`<span><i class="swatch ${style}-${key}"></i>${label}</span>`)}</p>`;

function timeFigure(rows: readonly Row[]): Markup | null {
  const told = rows.filter(({ spent }) => spent !== null);
  if (told.length === 0) return null;
  return html`<figure>${legend(PARTS, "c")}${bothLayouts((layout) => timeSvg(layout, told))}</figure>`;
}

const totalOf = ({ spent }: Row): number =>
  Object.values(spent?.perRequest ?? {}).reduce((sum, ms) => sum + Math.max(0, ms), 0);

/** The mean of a request in each arm, as the services themselves say. */
function timeSvg(layout: Layout, rows: readonly Row[]): Markup {
  const wide = layout.name === "wide";
  const [left, right] = [LABEL[layout.name], layout.width - (wide ? REMARK : layout.right)];
  const most = scaleEnd(rows.map(totalOf));
  const scale = linear(0, most, left, right);
  const place = (ms: number) => Math.min(scale(ms), right);
  const height = ROW[layout.name];
  const bottom = 6 + rows.length * height;
  const ticks = amountTicks(most, wide ? 8 : 4).map((value) => ({ value, label: milliseconds(value) }));
  const axis = { ...layout, left, right: layout.width - right };
  return html`<svg viewBox="0 0 ${layout.width} ${bottom + AXIS}" role="img" aria-label="Where the time of a request went, by arm">${timeAxis(axis, scale, ticks, 6, bottom, "Mean of a request in the service")}${rows.map(
    (row, index) => {
      const y = 6 + index * height;
      const label = wide
        ? html`<text class="row-label strong" x="0" y="${y + height / 2 + 4}">${row.arm}</text><text class="remark" x="${right + 12}" y="${y + height / 2 + 4}">${remark(row)}</text>`
        : html`<text class="row-label strong" x="${left}" y="${y + 15}">${row.arm}<tspan class="remark" dx="8">${remark(row)}</tspan></text>`;
      const top = wide ? y + 7 : y + 22;
      const cut = html`<path class="cut" d="M${px(right - 14)} ${top + 18}l8 -20"/>`;
      return html`${label}${partBars(row, place, top, 16)}${totalOf(row) > most ? cut : null}`;
    },
  )}</svg>`;
}

/** Beside an arm that is far above all others nothing would be seen of how these differ: then its bar is cut off. */
function scaleEnd(totals: readonly number[]): number {
  const [first = 0, second = first] = [...totals].sort((a, b) => b - a);
  const hidesOthers = first > 3 * second && second > 3 * Math.min(...totals);
  return Math.max(1, hidesOthers ? 1.5 * second : first);
}

function partBars(row: Row, place: (ms: number) => number, y: number, height: number): Markup {
  let from = 0;
  const bars = Object.entries(PARTS).map(([part, label]) => {
    const ms = Math.max(0, row.spent?.perRequest[part] ?? 0);
    const [x, width] = [place(from), place(from + ms) - place(from)];
    from += ms;
    return html`<rect class="c-${part}" x="${px(x)}" y="${y}" width="${px(width)}" height="${height}"><title>${row.arm}, ${label}: ${milliseconds(ms)}</title></rect>`;
  });
  return html`${bars}`;
}

function remark(row: Row): string {
  const { span } = row;
  const calls =
    span === null || span.requests === 0 ? "" : `, ${metricValue(span.calls / span.requests)} calls per request`;
  return `${milliseconds(totalOf(row))}${calls}`;
}

function callsTable(rows: readonly Row[]): Markup {
  const head = [
    "Credentials",
    "Role calls",
    "Credential calls",
    "Token calls",
    "Calls per request",
    "In credentials",
    "In DNS",
    "DNS share",
  ];
  return html`<table class="cards"><thead><tr><th>Arm</th>${head.map((title, i) => html`<th${i > 0 ? html` class="number"` : null}>${title}</th>`)}</tr></thead><tbody>${rows.map(
    (row) => {
      const { span, spent } = row;
      const of = (kind: string) => (span === null ? NONE : String(span.byCall[kind] ?? 0));
      const ms = (part: string) => (spent === null ? NONE : milliseconds(spent.perRequest[part] ?? 0));
      const ratio = span === null || span.requests === 0 ? null : span.calls / span.requests;
      const share =
        spent === null || totalOf(row) === 0 ? NONE : percent(Math.min(1, (spent.perRequest.dns ?? 0) / totalOf(row)));
      const cells = [
        of("role"),
        of("credentials"),
        of("token"),
        ratio === null ? NONE : metricValue(ratio),
        ms("credentials"),
        ms("dns"),
        share,
      ];
      return html`<tr><th scope="row"><a href="#arm-${row.arm}">${row.arm}</a></th><td data-title="Credentials">${lifeOf(row.imds)}</td>${cells.map((cell, i) => html`<td class="number ${i === 3 && (ratio ?? 0) >= 0.5 ? "late" : ""}" data-title="${head[i + 1] ?? ""}">${cell}</td>`)}</tr>`;
    },
  )}</tbody></table><p class="note">Calls are counted at the mock between the first and the last look of the fault phase; times are what the services say of their own requests. Lifetimes, what the first credentials had left, and when the mock replaces them are settings of the arm.</p>`;
}

function lifeOf(imds: ImdsSettings | undefined): string {
  const left = imds?.remaining === undefined ? "" : `, ${imds.remaining} left at first`;
  return `live ${imds?.lifetime ?? "6h"}${left}, replaced ${imds?.refreshBefore ?? "5m"} before their end`;
}

interface Bin {
  readonly fromMs: number;
  readonly toMs: number;
  readonly perSecond: Readonly<Record<string, number>>;
}

/** From look to look, within the run's window. */
function callsPerLook({ record, probe, windows: { run } }: CauseInput): readonly Bin[] {
  if (run === null) return [];
  const looks = seen(record, probe, "imds-calls");
  return looks.flatMap((look, index): Bin[] => {
    const before = looks[index - 1];
    if (before === undefined || before.t < run.beginMs || look.t > run.endMs || look.t <= before.t) return [];
    const perSecond: Record<string, number> = {};
    for (const { kind, more } of sinceLook(before.calls, look.calls)) {
      perSecond[kind] = (perSecond[kind] ?? 0) + (Math.max(0, more) * 1_000) / (look.t - before.t);
    }
    return [{ fromMs: before.t, toMs: look.t, perSecond }];
  });
}

function callsSvg(layout: Layout, { planned, windows: { run } }: CauseInput, bins: readonly Bin[]): Markup {
  const [beginMs, endMs] = [run?.beginMs ?? 0, run?.endMs ?? 1];
  const across = linear(beginMs, endMs, layout.left, layout.width - layout.right);
  const most = Math.max(1, ...bins.map(({ perSecond }) => Object.values(perSecond).reduce((sum, one) => sum + one, 0)));
  const up = linear(0, most, TOP + CALLS_HEIGHT, TOP);
  const ticks = timeTicks(0, endMs - beginMs, layout.name === "wide" ? 12 : 5).map((ms) => ({
    value: beginMs + ms,
    label: timeLabel(ms, endMs - beginMs),
  }));
  const amounts = amountTicks(most, 3).map((value) => ({ value, label: metricValue(value) }));
  return html`<svg viewBox="0 0 ${layout.width} ${TOP + CALLS_HEIGHT + AXIS}" role="img" aria-label="Metadata calls per second of arm ${planned.name}">${timeAxis(layout, across, ticks, TOP, TOP + CALLS_HEIGHT, "Time since the load began")}${panelFrame(layout, TOP, "Calls per second", up, amounts)}${bins.map(
    (bin) => callBars(bin, across, up),
  )}</svg>`;
}

function callBars(
  { fromMs, toMs, perSecond }: Bin,
  across: (ms: number) => number,
  up: (rate: number) => number,
): Markup {
  let below = 0;
  const bars = Object.keys(CALLS).map((kind) => {
    const rate = perSecond[kind] ?? 0;
    if (rate === 0) return null;
    const [top, bottom] = [up(below + rate), up(below)];
    below += rate;
    return html`<rect class="k-${kind}" x="${px(across(fromMs))}" y="${px(top)}" width="${px(Math.max(1, across(toMs) - across(fromMs)))}" height="${px(bottom - top)}"/>`;
  });
  return html`${bars}`;
}
