/** The CPU time of one node, second for second: of the replicas, of all, and the cap. */
import type { CpuReading } from "../../../verdict/placement.ts";
import { type Window, within } from "../../../verdict/windows.ts";
import { count } from "../../../verdict/words.ts";
import { html, type Markup, px } from "../markup.ts";
import type { Layout } from "../panel.ts";
import { linear, type Scale } from "../scale.ts";

export const CPU_HEIGHT = 44;
/** A reading after a longer pause than this stands for itself alone. */
const GAP_MS = 2_500;

export function nodeCpu(layout: Layout, cpu: readonly CpuReading[], run: Window, place: Scale, top: number): Markup {
  const readings = cpu.filter(({ t }) => within(run, t));
  const cap = Math.max(0, ...readings.map((one) => one.cap));
  if (readings.length === 0 || cap === 0) {
    return html`<text class="aside" x="${layout.left}" y="${px(top + 20)}">CPU time was not measured.</text>`;
  }
  // Time is given out in steps, so that a second may seem to hold more than the cap.
  const most = Math.max(cap, ...readings.map(({ used }) => Math.min(used, cap * 1.5)));
  const y = linear(0, most * 1.08, top + CPU_HEIGHT, top);
  const bar = (of: (one: CpuReading) => number) =>
    readings.map((one, i) => {
      const before = readings[i - 1]?.t ?? run.beginMs;
      const from = one.t - before > GAP_MS ? one.t - 1_000 : before;
      const x = place(Math.max(from, run.beginMs));
      return `M${px(x)} ${px(y(0))}V${px(y(Math.min(of(one), most)))}H${px(place(one.t))}V${px(y(0))}Z`;
    });
  const capY = px(y(cap));
  return html`<path class="by-node" d="${bar((one) => one.used).join("")}"/><path class="by-replicas" d="${bar((one) => one.byReplicas).join("")}"/><path class="cap-line" d="M${layout.left} ${capY}H${layout.width - layout.right}"/><text class="tick" x="${layout.left - 7}" y="${px(y(cap) + 4)}" text-anchor="end">${count(cap)}</text><path class="grid" d="M${layout.left} ${px(y(0))}H${layout.width - layout.right}"/>`;
}
