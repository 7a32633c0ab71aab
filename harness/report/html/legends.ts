/** What each colour and mark means. */
import type { Termination } from "../../types.ts";
import { medianRace } from "../facts.ts";
import { FAMILIES, FAMILY_LABELS, type Family } from "./bins.ts";
import { GLYPH_LABELS, type Glyph, glyph } from "./glyphs.ts";
import { html, type Markup } from "./markup.ts";
import { signed } from "./pods-panel.ts";

/** Only the failures that the arm has. */
export function timelineLegend(families: ReadonlySet<Family>, pods: boolean): Markup {
  return html`<p class="legend"><span><i class="swatch l-band"></i>good requests, p50 to p99</span>${FAMILIES.filter(
    (family) => families.has(family),
  ).map(
    (family) => html`<span><i class="swatch dot s-${family}"></i>${FAMILY_LABELS[family]}</span>`,
  )}${pods && barLegend()}</p>`;
}

/** The bars' colours and the marks; with pods given, their medians after the delete. */
export function raceLegend(pods: readonly Termination[] | null): Markup {
  const race = pods === null ? null : medianRace(pods);
  return html`<p class="legend">${barLegend()}${(Object.keys(GLYPH_LABELS) as Glyph[]).map((kind) => {
    const ms = race?.[kind] ?? null;
    return html`<span><svg class="key" viewBox="0 0 16 16" aria-hidden="true">${glyph(kind, 8, 8)}</svg>${GLYPH_LABELS[kind]}${ms === null ? null : html` <b>${signed(ms)}</b>`}</span>`;
  })}</p>`;
}

function barLegend(): Markup {
  return html`<span><i class="swatch l-open"></i>listening</span><span><i class="swatch l-late"></i>requests arrive, nobody listens</span>`;
}
