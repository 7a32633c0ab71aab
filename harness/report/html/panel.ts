/** A strip of a chart: title above, grid behind, axis at its side. */
import { html, type Markup, px } from "./markup.ts";
import type { Scale } from "./scale.ts";

/** Sizes of one rendering; every chart is drawn twice, for wide and for narrow pages. */
export interface Layout {
  readonly name: "wide" | "narrow";
  readonly width: number;
  /** Room for the labels of the vertical axes. */
  readonly left: number;
  readonly right: number;
}
const WIDE: Layout = { name: "wide", width: 1_064, left: 58, right: 14 };
const NARROW: Layout = { name: "narrow", width: 368, left: 46, right: 8 };

export interface Tick {
  readonly value: number;
  readonly label: string;
}

/** Title, horizontal grid lines and their labels. */
export function panelFrame(layout: Layout, top: number, title: string, place: Scale, ticks: readonly Tick[]): Markup {
  const end = layout.width - layout.right;
  return html`<text class="panel-title" x="${layout.left}" y="${px(top - 9)}">${title}</text>${ticks.map(
    ({ value, label }) => {
      const y = px(place(value));
      return html`<path class="grid" d="M${layout.left} ${y}H${end}"/><text class="tick" x="${layout.left - 7}" y="${px(place(value) + 4)}" text-anchor="end">${label}</text>`;
    },
  )}`;
}

/** Vertical grid lines through all strips, and the time axis under the last. */
export function timeAxis(
  layout: Layout,
  place: Scale,
  ticks: readonly Tick[],
  top: number,
  bottom: number,
  title: string,
): Markup {
  return html`${ticks.map(({ value, label }) => {
    const x = place(value);
    // A label at the very edge leans inwards, or the page would cut it.
    const anchor = x > layout.width - layout.right - 14 ? "end" : "middle";
    return html`<path class="grid" d="M${px(x)} ${px(top)}V${px(bottom)}"/><text class="tick" x="${px(x)}" y="${px(bottom + 15)}" text-anchor="${anchor}">${label}</text>`;
  })}<text class="axis-title" x="${px((layout.left + layout.width - layout.right) / 2)}" y="${px(bottom + 33)}" text-anchor="middle">${title}</text>`;
}

/** Both renderings; the page shows the one that fits. */
export function bothLayouts(draw: (layout: Layout) => Markup): Markup {
  return html`${[WIDE, NARROW].map((layout) => html`<div class="only-${layout.name}">${draw(layout)}</div>`)}`;
}
