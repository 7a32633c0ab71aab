/** A verdict as a word, a mark and a colour: any one of the three is enough. */
import type { Verdict } from "../../types.ts";
import { html, type Markup } from "./markup.ts";

const MARKS: Readonly<Record<Verdict, string>> = { held: "✓", violated: "✗", inconclusive: "?" };

export function verdictChip(verdict: Verdict): Markup {
  return html`<span class="chip ${verdict}"><span aria-hidden="true">${MARKS[verdict]}</span> ${verdict}</span>`;
}

export function expectedMark(asExpected: boolean, expected: Verdict): Markup {
  return asExpected
    ? html`<span class="as-expected">as expected</span>`
    : html`<span class="not-expected">expected ${expected}</span>`;
}
