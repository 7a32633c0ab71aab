/** Jobs before their address is known: each arm's at a glance, and one arm's beside what its kubelets waited for. */
import { addressDelayMs, addressDelaysOf, type Job, jobsOf, KUBE2IAM_PATIENCE_MS } from "../../../verdict/jobs.ts";
import { type Stretch, stretchesOf } from "../../../verdict/kubelet-waits.ts";
import { percentile } from "../../../verdict/statistics.ts";
import { within } from "../../../verdict/windows.ts";
import { counted, milliseconds } from "../../../verdict/words.ts";
import { faultSpans } from "../fault-kinds.ts";
import { html, type Markup, px } from "../markup.ts";
import { bothLayouts, type Layout, panelFrame, timeAxis } from "../panel.ts";
import { amountTicks, linear, type Scale, timeLabel, timeTicks } from "../scale.ts";
import { faultLanes, faultShades, LANE, PHASE_STRIP, phaseNames } from "../timeline-frame.ts";
import type { CauseInput, CausePicture, CausesInput } from "./cause.ts";
import { jobDots, jobLegend, jobWords } from "./job-dots.ts";

const ROW = { wide: 54, narrow: 70 } as const;
const LABEL = { wide: 150, narrow: 8 } as const;
const REMARK = 250;
const AXIS = 40;
const GAP = 34;
const DELAY_HEIGHT = 200;
const WAIT_HEIGHT = 80;

export const jobPictures: CausePicture = { ofRun, ofArm };

interface ArmJobs {
  readonly name: string;
  readonly jobs: readonly Job[];
  readonly remark: string;
}

function ofRun({ arms, probe }: CausesInput): Markup | null {
  const rows = arms.flatMap(({ planned, record }): ArmJobs[] => {
    const { jobs } = jobsOf(probe, record.observations);
    if (jobs.length === 0) return [];
    return [{ name: planned.name, jobs, remark: jobWords(jobs, percentile(addressDelaysOf(jobs), 99)) }];
  });
  if (rows.length === 0) return null;
  return html`<section><h2>From first act to address, in each arm</h2><p class="lead">Whoever hands out credentials by pod finds a job by its address, and an address is known when the kubelet has published it. Each mark is a job, the first of an arm at the top: how long after its first act a watch saw its address.</p>
<figure>${jobLegend(rows.flatMap(({ jobs }) => jobs))}${bothLayouts((layout) => rowsSvg(layout, rows))}</figure></section>`;
}

function rowsSvg(layout: Layout, rows: readonly ArmJobs[]): Markup {
  const wide = layout.name === "wide";
  const row = ROW[layout.name];
  const head = wide ? 0 : 18;
  const left = LABEL[layout.name];
  const right = layout.width - (wide ? REMARK : layout.right + 6);
  const endMs = Math.max(2 * KUBE2IAM_PATIENCE_MS, ...rows.flatMap(({ jobs }) => jobs.map(addressDelayMs)));
  const place = linear(0, endMs, left, right);
  const bottom = rows.length * row;
  const ticks = timeTicks(0, endMs, wide ? 10 : 5).map((value) => ({ value, label: timeLabel(value, endMs) }));
  const axis = { ...layout, left, right: layout.width - right };
  const label = "From first act to address of each job, arm by arm";
  return html`<svg viewBox="0 0 ${layout.width} ${bottom + AXIS}" role="img" aria-label="${label}">${timeAxis(axis, place, ticks, 4, bottom, "Time from the first act to the address in the API")}<path class="patience" d="M${px(place(KUBE2IAM_PATIENCE_MS))} 4V${bottom}"/>${rows.map(
    ({ name, jobs, remark }, index) => {
      const top = index * row + head + 5;
      const inside = row - head - 12;
      const bad = remark.endsWith("not served");
      const words = wide
        ? html`<text class="row-label strong" x="0" y="${px(top + inside / 2 + 4)}">${name}</text><text class="remark${bad ? " late" : ""}" x="${px(right + 14)}" y="${px(top + inside / 2 + 4)}">${remark}</text>`
        : html`<text class="row-label strong" x="${left}" y="${px(index * row + 15)}">${name}<tspan class="remark${bad ? " late" : ""}" dx="8">${remark}</tspan></text>`;
      const dots = jobDots(jobs, (job, n) => ({
        x: place(addressDelayMs(job)),
        y: top + ((n + 0.5) / jobs.length) * inside,
      }));
      return html`<g><title>${name}: ${remark}</title>${words}${dots}</g>`;
    },
  )}</svg>`;
}

function ofArm(input: CauseInput): Markup | null {
  const { probe, planned, record, windows, run } = input;
  const { jobs } = jobsOf(probe, record.observations);
  const window = windows.run;
  if (jobs.length === 0 || window === null) return null;
  const shown = jobs.filter((job) => within(window, job.firstActMs));
  const stretches = stretchesOf(probe, record.observations).filter((one) => one.toMs > window.beginMs);
  const nodes = new Set(jobs.map(({ node }) => node));
  const chart: ArmChart = {
    ...{ arm: planned.name, jobs: shown, windows, beginMs: window.beginMs, endMs: window.endMs },
    stretches: stretches.filter(({ node, fromMs }) => nodes.has(node) && fromMs < window.endMs),
    faults: faultSpans(run.journal, planned, window.endMs),
  };
  return html`<figure><figcaption><h3>When the address of each job was known</h3>${jobLegend(shown)}</figcaption>${bothLayouts((layout) => armSvg(layout, chart))}</figure>
<details><summary>The numbers of ${counted(shown.length, "job")}</summary>${jobTable(shown, window.beginMs)}</details>`;
}

interface ArmChart {
  readonly arm: string;
  readonly jobs: readonly Job[];
  readonly stretches: readonly Stretch[];
  readonly windows: CauseInput["windows"];
  readonly faults: ReturnType<typeof faultSpans>;
  readonly beginMs: number;
  readonly endMs: number;
}

function armSvg(layout: Layout, chart: ArmChart): Markup {
  const { jobs, stretches, faults, beginMs, endMs } = chart;
  const place = linear(beginMs, endMs, layout.left, layout.width - layout.right);
  const delayTop = PHASE_STRIP + faults.length * LANE + GAP;
  const waitTop = delayTop + DELAY_HEIGHT + GAP;
  const bottom = waitTop + WAIT_HEIGHT;
  const spanMs = endMs - beginMs;
  const ticks = timeTicks(0, spanMs, layout.name === "wide" ? 12 : 5).map((ms) => ({
    value: beginMs + ms,
    label: timeLabel(ms, spanMs),
  }));
  const mostMs = Math.max(2 * KUBE2IAM_PATIENCE_MS, ...jobs.map(addressDelayMs)) * 1.05;
  const delay = linear(0, mostMs, delayTop + DELAY_HEIGHT, delayTop);
  const label = `Delay of each job's address and the kubelets' wait in arm ${chart.arm} over time`;
  const title = layout.name === "wide" ? "From a job's first act to its address in the API" : "First act to address";
  return html`<svg viewBox="0 0 ${layout.width} ${bottom + AXIS}" role="img" aria-label="${label}">
${faultShades(faults, place, PHASE_STRIP, bottom)}${timeAxis(layout, place, ticks, delayTop - GAP + 6, bottom, "Time since the baseline began")}${phaseNames(layout, chart.windows, place, bottom)}${faultLanes(layout, faults, place, PHASE_STRIP)}
${panelFrame(layout, delayTop, title, delay, delayTicks(mostMs))}<path class="patience" d="M${layout.left} ${px(delay(KUBE2IAM_PATIENCE_MS))}H${layout.width - layout.right}"/>${jobDots(jobs, (job) => ({ x: place(job.firstActMs), y: delay(addressDelayMs(job)) }))}
${waitPanel(layout, waitTop, stretches, place)}
</svg>`;
}

const delayTicks = (mostMs: number) =>
  amountTicks(mostMs / 1_000, 5).map((seconds) => ({ value: seconds * 1_000, label: `${seconds} s` }));

/** Mean wait of a kubelet's call in each stretch, a line a node. */
function waitPanel(layout: Layout, top: number, stretches: readonly Stretch[], placeTime: Scale): Markup {
  const meanOf = ({ waitMs, calls }: Stretch) => (calls === 0 ? 0 : waitMs / calls);
  const mostMs = Math.max(50, ...stretches.map(meanOf)) * 1.05;
  const place = linear(0, mostMs, top + WAIT_HEIGHT, top);
  const ticks = amountTicks(mostMs, 3).map((value) => ({ value, label: `${value} ms` }));
  const title =
    layout.name === "wide" ? "A call of the kubelet waits for its turn (mean, a line a node)" : "A call waits";
  const lines = [...Map.groupBy(stretches, ({ node }) => node).values()].map(
    (ofNode) =>
      html`<path class="line-p50" d="${ofNode.map((one, i) => `${i === 0 ? "M" : "L"}${px(placeTime((one.fromMs + one.toMs) / 2))} ${px(place(meanOf(one)))}`).join("")}"/>`,
  );
  return html`${panelFrame(layout, top, title, place, ticks)}${lines}`;
}

function jobTable(jobs: readonly Job[], zeroMs: number): Markup {
  const head = ["began", "address after", "answer after", "attempts", "answer", "role"];
  return html`<div class="scroll"><table class="pods"><thead><tr><th>Job</th>${head.map((title) => html`<th class="number">${title}</th>`)}</tr></thead><tbody>${jobs.map(
    (job) => {
      const after = (at: number | null) => (at === null ? "–" : milliseconds(Math.max(0, at - job.firstActMs)));
      const answer = job.outcome === null ? "–" : job.error !== "" ? job.error : `HTTP ${job.status}`;
      const role = job.role === null ? "–" : job.role === job.expectedRole ? "its own" : job.role;
      const cells = [
        milliseconds(job.firstActMs - zeroMs),
        after(job.addressMs),
        after(job.answeredMs),
        String(job.attempts),
        answer,
        role,
      ];
      return html`<tr><th scope="row">${job.pod}<span class="role">${job.ip}${job.node === null ? null : ` on ${job.node}`}</span></th>${cells.map((cell) => html`<td class="number">${cell}</td>`)}</tr>`;
    },
  )}</tbody></table></div>`;
}
