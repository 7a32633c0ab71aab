/** The arms side by side. */
import { percent } from "../../verdict/words.ts";
import { type ArmRow, figuresNote } from "../arms.ts";
import { html, type Markup, px } from "./markup.ts";
import { linear } from "./scale.ts";
import { expectedMark, verdictChip } from "./verdict-chip.ts";

const BAR = { width: 150, height: 16 };

/** @param one what failed, as a noun: "request". */
export function armsTable(rows: readonly ArmRow[], one: string): Markup {
  const added = rows[0]?.more.map(({ title }) => title) ?? [];
  const head = ["Arm", "Verdict", `Failed ${one}s, 95 % interval`, "p50", "p99", ...added];
  const widest = Math.max(0.001, ...rows.map((row) => (row.figures.ratio === null ? 0 : row.figures.interval.high)));
  return html`<table class="arms cards">
<thead><tr>${head.map((title, index) => html`<th${index > 2 ? html` class="number"` : null}>${title}</th>`)}</tr></thead>
<tbody>${rows.map((row) => tableRow(row, widest))}</tbody></table>
<p class="note">${figuresNote(one)} Failures count with their full duration. The interval is Wilson's, or 3/n where nothing failed; it takes ${one}s as independent, and failures come in clusters, so the truth is somewhat wider.</p>`;
}

function tableRow(row: ArmRow, widest: number): Markup {
  const { arm, figures } = row;
  const number = (title: string, text: string, style = "") =>
    html`<td class="number ${style}" data-title="${title}">${text}</td>`;
  return html`<tr><th scope="row"><a href="#arm-${arm.name}">${arm.name}</a><span class="role">${arm.role}</span></th>
<td data-title="Verdict">${verdictChip(arm.verdict)} ${expectedMark(arm.asExpected, arm.expected)}</td>
<td data-title="Failed" class="ratio">${ratioBar(row, widest)}<span class="figure">${row.failed}</span>${against(figures)}</td>
${number("p50", row.p50)}${number("p99", row.p99)}${row.more.map(({ title, text, isBad }) => number(title, text, isBad === true ? "late" : ""))}</tr>`;
}

/** The ratio as a bar, its interval as a whisker. */
function ratioBar({ figures }: ArmRow, widest: number): Markup | null {
  if (figures.ratio === null) return null;
  const place = linear(0, widest, 0, BAR.width - 2);
  const { low, high } = figures.interval;
  const middle = BAR.height / 2;
  const title = `${percent(figures.ratio)}, 95 % interval ${percent(low)} to ${percent(high)}`;
  return html`<svg class="ratio-bar" viewBox="0 0 ${BAR.width} ${BAR.height}" role="img" aria-label="${title}"><title>${title}</title><path class="track" d="M0 ${middle}H${BAR.width}"/><path class="ratio-value" d="M0 ${middle}H${px(place(figures.ratio))}"/><path class="whisker" d="M${px(place(low))} ${middle}H${px(place(high))}M${px(place(low))} ${middle - 5}V${middle + 5}M${px(place(high))} ${middle - 5}V${middle + 5}"/></svg>`;
}

function against({ againstVulnerable }: ArmRow["figures"]): Markup | null {
  if (againstVulnerable === null) return null;
  const { difference, interval, pValue, arm } = againstVulnerable;
  if (difference === 0) return html`<span class="against">same as ${arm}</span>`;
  const points = (ratio: number) => Math.abs(ratio * 100).toFixed(1);
  const [near, far] = difference < 0 ? [interval.high, interval.low] : [interval.low, interval.high];
  const p = pValue < 0.0001 ? "p < 0.0001" : `p = ${pValue.toFixed(pValue < 0.01 ? 4 : 2)}`;
  const range = Math.sign(near) === Math.sign(far) ? ` (${points(near)} to ${points(far)})` : "";
  return html`<span class="against">${points(difference)}${range} points ${difference < 0 ? "below" : "above"} ${arm}, ${p}</span>`;
}
