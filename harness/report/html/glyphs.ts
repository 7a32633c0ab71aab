/** The marks of a termination's steps, the same in every chart and legend. */
import { html, type Markup, px } from "./markup.ts";

export type Glyph = "sigterm" | "closed" | "notReady" | "lastRequest" | "exit" | "gone";

export const GLYPH_LABELS: Readonly<Record<Glyph, string>> = {
  sigterm: "t1 SIGTERM",
  closed: "listener closed",
  notReady: "t2 endpoint not ready",
  lastRequest: "t3 last request from the ingress",
  exit: "process exit",
  gone: "pod gone",
};

/** A mark with its centre at x, y. */
export function glyph(kind: Glyph, x: number, y: number, late = false): Markup {
  const at = (dx: number, dy: number) => `${px(x + dx)} ${px(y + dy)}`;
  switch (kind) {
    case "sigterm":
      return html`<path class="g-sigterm" d="M${at(-3.5, -7)}L${at(3.5, -7)}L${at(0, -1.5)}Z"/>`;
    case "closed":
      return html`<path class="g-closed" d="M${at(0, -5.5)}V${px(y + 5.5)}"/>`;
    case "notReady":
      return html`<circle class="g-not-ready" cx="${px(x)}" cy="${px(y)}" r="3.4"/>`;
    case "lastRequest":
      return html`<path class="g-last${late ? " late" : ""}" d="M${at(0, -5)}L${at(5, 0)}L${at(0, 5)}L${at(-5, 0)}Z"/>`;
    case "exit":
      return html`<path class="g-exit" d="M${at(-3, -3)}L${at(3, 3)}M${at(-3, 3)}L${at(3, -3)}"/>`;
    case "gone":
      return html`<path class="g-gone" d="M${at(0, -3.5)}V${px(y + 3.5)}"/>`;
  }
}
