/** A job as a mark: by its colour and its shape one sees how it ended. */
import { gotWrongRole, type Job } from "../../../verdict/jobs.ts";
import { milliseconds } from "../../../verdict/words.ts";
import { html, type Markup, px } from "../markup.ts";

type End = "ok" | "refused" | "wrong" | "cut";
const LABELS: Readonly<Record<End, string>> = {
  ok: "got its credentials",
  refused: "got none",
  wrong: "got another job's role",
  cut: "removed before it had an answer",
};
const ENDS = Object.keys(LABELS) as End[];

function endOf(job: Job): End {
  if (gotWrongRole(job)) return "wrong";
  return job.outcome === null ? "cut" : job.outcome === "credentials" ? "ok" : "refused";
}

/** All marks of a chart: one path for each end, so that a thousand jobs stay small. */
export function jobDots(jobs: readonly Job[], place: (job: Job, index: number) => { x: number; y: number }): Markup {
  const paths = new Map<End, string>();
  for (const [index, job] of jobs.entries()) {
    const end = endOf(job);
    paths.set(end, (paths.get(end) ?? "") + shape(end, place(job, index)));
  }
  return html`${ENDS.map((end) => {
    const path = paths.get(end);
    return path === undefined ? null : html`<path class="j-${end}" d="${path}"/>`;
  })}`;
}

/** A dot, a cross, a cross in a square, a ring. */
function shape(end: End, { x, y }: { x: number; y: number }): string {
  const at = (dx: number, dy: number) => `${px(x + dx)} ${px(y + dy)}`;
  if (end === "ok") return `M${at(0, 0)}h0`;
  if (end === "cut") return `M${at(-2.5, 0)}a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0-5 0`;
  const cross = `M${at(-2.6, -2.6)}L${at(2.6, 2.6)}M${at(-2.6, 2.6)}L${at(2.6, -2.6)}`;
  return end === "refused" ? cross : `${cross}M${at(-4.5, -4.5)}h9v9h-9Z`;
}

/** Only the ends that there are. */
export function jobLegend(jobs: readonly Job[]): Markup {
  const present = new Set(jobs.map(endOf));
  return html`<p class="legend">${ENDS.filter((end) => present.has(end)).map(
    (end) =>
      html`<span><svg class="key" viewBox="0 0 16 16" aria-hidden="true"><path class="j-${end}" d="${shape(end, { x: 8, y: 8 })}"/></svg>${LABELS[end]}</span>`,
  )}<span><i class="swatch l-patience"></i>a metadata proxy gives up after 2 s</span></p>`;
}

/** "p99 10.3 s", with how many got none. */
export function jobWords(jobs: readonly Job[], p99Ms: number): string {
  const none = jobs.filter((job) => ["refused", "wrong"].includes(endOf(job))).length;
  const p99 = Number.isNaN(p99Ms) ? "no address seen" : `p99 ${milliseconds(p99Ms)}`;
  return none === 0 ? `${p99}, all ${jobs.length} served` : `${p99}, ${none} of ${jobs.length} not served`;
}
