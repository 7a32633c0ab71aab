/** Latency of the good requests as a band, each failure as a mark. */
import { type Bins, FAMILIES, type Failure } from "./bins.ts";
import { html, type Markup, px } from "./markup.ts";
import { type Layout, panelFrame } from "./panel.ts";
import { decades, logarithmic, type Scale } from "./scale.ts";

const MARK = { x: 3, y: 3 };
export const LATENCY_HEIGHT = 190;

export function latencyPanel(
  layout: Layout,
  top: number,
  bins: Bins,
  failures: readonly Failure[],
  placeTime: Scale,
): Markup {
  const { low, high } = latencyRange(bins, failures);
  const place = logarithmic(low, high, top + LATENCY_HEIGHT, top);
  const ticks = decades(low, high).map((value) => ({
    value,
    label: value >= 1_000 ? `${value / 1_000} s` : `${value} ms`,
  }));
  const middle = (bin: number) => placeTime(bins.fromMs + (bin + 0.5) * bins.widthMs);
  const title = layout.name === "wide" ? "Latency from the intended start (log scale)" : "Latency (log scale)";
  return html`${panelFrame(layout, top, title, place, ticks)}${band(bins, middle, place)}<path class="line-p99" d="${line(bins.p99, middle, place)}"/><path class="line-p50" d="${line(bins.p50, middle, place)}"/>${marks(failures, placeTime, place)}`;
}

/** A little around what was measured, a decade at least. ms */
function latencyRange(bins: Bins, failures: readonly Failure[]): { readonly low: number; readonly high: number } {
  let low = Number.POSITIVE_INFINITY;
  let high = 1;
  for (const value of bins.p50) if (value > 0) low = Math.min(low, value);
  for (const value of bins.p99) if (value > 0) high = Math.max(high, value);
  for (const failure of failures) {
    if (failure.latencyMs > 0) low = Math.min(low, failure.latencyMs);
    high = Math.max(high, failure.latencyMs);
  }
  const floor = Math.max(0.1, Math.min(low, high) * 0.7);
  return { low: floor, high: Math.max(floor * 10, high * 1.4) };
}

/** Between p50 and p99; broken where a bin has no good request. */
function band(bins: Bins, middle: (bin: number) => number, place: Scale): Markup {
  const pieces: string[] = [];
  let upper: string[] = [];
  let lower: string[] = [];
  const close = () => {
    if (upper.length > 0) pieces.push(`M${upper.join("L")}L${lower.reverse().join("L")}Z`);
    upper = [];
    lower = [];
  };
  for (let bin = 0; bin < bins.count; bin++) {
    const [p50, p99] = [bins.p50[bin] ?? Number.NaN, bins.p99[bin] ?? Number.NaN];
    if (Number.isNaN(p50)) {
      close();
      continue;
    }
    upper.push(`${px(middle(bin))} ${px(place(p99))}`);
    lower.push(`${px(middle(bin))} ${px(place(p50))}`);
  }
  close();
  return html`<path class="band" d="${pieces.join("")}"/>`;
}

function line(values: Float64Array, middle: (bin: number) => number, place: Scale): string {
  let path = "";
  let pen = "M";
  for (const [bin, value] of values.entries()) {
    if (Number.isNaN(value)) {
      pen = "M";
      continue;
    }
    path += `${pen}${px(middle(bin))} ${px(place(value))}`;
    pen = "L";
  }
  return path;
}

/** One mark for all failures that fall on the same few pixels: more could not be told apart. */
function marks(failures: readonly Failure[], placeTime: Scale, place: Scale): Markup {
  return html`${FAMILIES.map((family) => {
    const cells = new Set<string>();
    for (const failure of failures) {
      if (failure.family !== family) continue;
      const x = Math.round(placeTime(failure.t) / MARK.x) * MARK.x;
      const y = Math.round(place(failure.latencyMs) / MARK.y) * MARK.y;
      cells.add(`M${x} ${y}h0`);
    }
    return cells.size === 0 ? null : html`<path class="mark s-${family}" d="${[...cells].join("")}"/>`;
  })}`;
}
