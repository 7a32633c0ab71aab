/** The SLOs and mechanisms of an arm. */
import type { ArmVerdict, CheckResult } from "../../types.ts";
import { count, metricValue, milliseconds, percent } from "../../verdict/words.ts";
import { html, type Markup } from "./markup.ts";
import { verdictChip } from "./verdict-chip.ts";

export function checksTable(arm: ArmVerdict): Markup {
  return html`<table class="checks cards"><thead><tr><th>Check</th><th class="number">Measured</th><th>Wanted</th><th class="number">Samples</th><th>Verdict</th></tr></thead>
<tbody>${arm.slos.map((check) => row(check, check.name.startsWith("k6 threshold") ? "of the load script" : "SLO"))}${arm.mechanisms.map((check) => row(check, "mechanism"))}</tbody></table>`;
}

function row(check: CheckResult, what: string): Markup {
  return html`<tr><th scope="row">${check.name}<span class="role">${what}</span><span class="because">${check.because}</span></th><td class="number" data-title="Measured">${valueText(check)}</td><td data-title="Wanted">${check.objective}</td><td class="number" data-title="Samples">${count(check.sampleCount)}</td><td data-title="Verdict">${verdictChip(check.verdict)}</td></tr>`;
}

function valueText({ value, unit, sampleCount }: CheckResult): string {
  if (value === null || sampleCount === 0) return "–";
  if (unit === "ratio") return percent(value);
  if (unit === "ms") return milliseconds(value);
  return unit === "" ? metricValue(value) : `${count(value)} ${unit}`;
}
