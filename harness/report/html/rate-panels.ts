/** How many requests failed, and how many went well, in each second. */
import { type Bins, FAMILIES } from "./bins.ts";
import { html, type Markup, px } from "./markup.ts";
import { type Layout, panelFrame } from "./panel.ts";
import { amountTicks, linear, type Scale } from "./scale.ts";

/** A panel without failures says so in a line. */
export function failedHeight(bins: Bins): number {
  return anyFailed(bins) ? 64 : 12;
}
export const GOOD_HEIGHT = 48;

/** Failures a second, stacked by family. */
export function failedPanel(layout: Layout, top: number, bins: Bins, placeTime: Scale): Markup {
  if (!anyFailed(bins)) {
    return html`<text class="panel-title" x="${layout.left}" y="${top - 9}">Failed requests per second<tspan class="aside" dx="8">none</tspan></text>`;
  }
  const perSecond = 1_000 / bins.widthMs;
  const totals = Array.from({ length: bins.count }, (_, bin) => failedIn(bins, bin) * perSecond);
  const max = Math.max(1, ...totals);
  const place = linear(0, max, top + failedHeight(bins), top);
  const below = new Float64Array(bins.count);
  const bars = FAMILIES.map((family) => {
    let path = "";
    for (const [bin, count] of bins.failed[family].entries()) {
      if (count === 0) continue;
      const base = below[bin] ?? 0;
      path += bar(bins, bin, base, base + count * perSecond, placeTime, place);
      below[bin] = base + count * perSecond;
    }
    return path === "" ? null : html`<path class="bar s-${family}" d="${path}"/>`;
  });
  return html`${panelFrame(layout, top, "Failed requests per second", place, ticksOf(max))}${bars}`;
}

/** Good requests a second. */
export function goodPanel(layout: Layout, top: number, bins: Bins, placeTime: Scale): Markup {
  const perSecond = 1_000 / bins.widthMs;
  const max = Math.max(1, ...bins.good) * perSecond * 1.05;
  const place = linear(0, max, top + GOOD_HEIGHT, top);
  let path = "";
  for (const [bin, count] of bins.good.entries()) {
    if (count > 0) path += bar(bins, bin, 0, count * perSecond, placeTime, place);
  }
  return html`${panelFrame(layout, top, "Good requests per second", place, ticksOf(max))}<path class="bar s-good" d="${path}"/>`;
}

function anyFailed(bins: Bins): boolean {
  return FAMILIES.some((family) => bins.failed[family].some((count) => count > 0));
}

function failedIn(bins: Bins, bin: number): number {
  return FAMILIES.reduce((sum, family) => sum + (bins.failed[family][bin] ?? 0), 0);
}

function ticksOf(max: number) {
  return amountTicks(max, 3).map((value) => ({ value, label: String(Number(value.toFixed(3))) }));
}

function bar(bins: Bins, bin: number, from: number, to: number, placeTime: Scale, place: Scale): string {
  const left = placeTime(bins.fromMs + bin * bins.widthMs);
  const right = placeTime(Math.min(bins.fromMs + (bin + 1) * bins.widthMs, bins.toMs));
  return `M${px(left)} ${px(place(from))}V${px(place(to))}H${px(right)}V${px(place(from))}Z`;
}
