/**
 * `report.html`: one file that opens from disk. Charts are drawn here, as SVG; the script only adds a crosshair, so the
 * page says everything without it. Nothing is fetched, and the page's own policy forbids it.
 */
import type { RunRecord, RunVerdict, Verdict } from "../../types.ts";
import { mainNoun } from "../../verdict/samples.ts";
import { counted, milliseconds } from "../../verdict/words.ts";
import { armRows } from "../arms.ts";
import { clusterSettings, runDurationMs, runStart, startedAt } from "../facts.ts";
import { armSection } from "./arm-section.ts";
import { armsTable } from "./arms-table.ts";
import { runCauses } from "./causes/index.ts";
import { raceLegend } from "./legends.ts";
import { html, Markup } from "./markup.ts";
import { minutesChart } from "./minutes.ts";
import { armRaceChart } from "./race-chart.ts";
import { SCRIPT } from "./script.ts";
import { STYLE } from "./style.ts";

const HEADLINES: Readonly<Record<Verdict, string>> = {
  held: "The experiment came out as expected",
  violated: "The experiment did not come out as expected",
  inconclusive: "The experiment proves nothing yet",
};
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/** The whole page as text. */
export function htmlReport(run: RunRecord, verdict: RunVerdict): string {
  const rows = armRows(run, verdict);
  const racing = verdict.arms.filter((arm) => arm.terminations.length > 0);
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"><meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>${verdict.experiment}: ${verdict.verdict}</title><style>${new Markup(STYLE)}</style></head><body><main>
${masthead(run, verdict)}
${racing.length === 0 ? null : raceSection(racing)}
${runCauses(run)}
<section><h2>The arms</h2>${armsTable(rows, mainNoun(run.plan))}</section>
${rows.map((row) => armSection(run, row))}
${aboutSection(run)}
</main><div id="reading" hidden></div><script>${new Markup(SCRIPT)}</script></body></html>
`.text;
}

function masthead(run: RunRecord, verdict: RunVerdict): Markup {
  const dirty = verdict.exitCode === 3;
  const facts: readonly (readonly [string, string])[] = [
    ["Run", verdict.runId],
    ["Started", startedAt(run) || "unknown"],
    ["Took", milliseconds(runDurationMs(run))],
    ["Size", run.plan.size],
    ["Seed", String(run.plan.seed)],
    ["Exit code", String(verdict.exitCode)],
  ];
  return html`<header class="masthead"><p class="overline">${verdict.experiment}</p><h1>${verdict.hypothesis}</h1>
<div class="banner ${dirty ? "violated" : verdict.verdict}"><p class="banner-word">${dirty ? "The cluster was left dirty" : HEADLINES[verdict.verdict]}</p><p>${verdict.because}</p>${verdict.models.map((model) => html`<p class="note">${model}</p>`)}</div>
<dl class="facts">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl></header>`;
}

function raceSection(arms: RunVerdict["arms"]): Markup {
  return html`<section><h2>The race in each arm</h2><p class="lead">A deleted pod is told to stop and, by another way, the ingress is told to forget it. Each bar is the median pod of an arm: it is safe when it still listens as the ingress sends its last request.</p>
<figure>${raceLegend(null)}${armRaceChart(arms)}</figure></section>`;
}

function aboutSection(run: RunRecord): Markup {
  const { plan } = run;
  const versions = Object.entries(runStart(run)?.versions ?? {});
  const settings: readonly (readonly [string, string])[] = [
    ["Definition", plan.file],
    ["Load script", plan.loadScript ?? "none"],
    ["Topology", plan.cluster.topology],
    ...clusterSettings(run),
    ["Ingress", plan.cluster.ingress ?? "none"],
    ["Egress", plan.cluster.egress ?? "rejected"],
    ["Baseline, recovery", `${milliseconds(plan.phases.baselineMs)}, ${milliseconds(plan.phases.recoveryMs)}`],
    ["Limit of an arm, of a revert", `${milliseconds(plan.limits.runMs)}, ${milliseconds(plan.limits.revertMs)}`],
  ];
  const list = (rows: readonly (readonly [string, string])[]) =>
    html`<dl class="settings">${rows.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
  return html`<section><h2>Run it again</h2><pre><code>${plan.repeat}</code></pre><p class="note">The seed makes every choice the same; the cluster's timing is its own.</p></section>
<section class="columns"><div><h2>Versions</h2>${list(versions)}</div><div><h2>Settings in effect</h2>${list(settings)}</div></section>
<section><h2>Where the time went</h2><p class="note">${counted(plan.arms.length, "arm")} in ${milliseconds(runDurationMs(run))}.</p><figure>${minutesChart(run)}</figure></section>`;
}
