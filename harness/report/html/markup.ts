/** HTML and SVG as text in which nothing that a run recorded can become markup. */

/** Text that is markup already. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}
export type Part = Markup | string | number | null | false | readonly Part[];

/** Template tag: every value is escaped, save what is `Markup`; null and false are nothing; lists are joined. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return new Markup(
    strings.map((text, index) => (index === 0 ? text : render(parts[index - 1] ?? null) + text)).join(""),
  );
}

function render(part: Part): string {
  if (part === null || part === false) return "";
  if (part instanceof Markup) return part.text;
  if (typeof part === "string") return escapeHtml(part);
  if (typeof part === "number") return String(part);
  return part.map(render).join("");
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

/** JSON for a script element: no sequence in it can end the element. */
export function embeddedJson(value: unknown): Markup {
  return new Markup(JSON.stringify(value).replace(/</g, "\\u003c"));
}

/** A coordinate, to a tenth of a unit: what the eye can tell apart, at a third of the bytes. */
export function px(value: number): string {
  return String(Math.round(value * 10) / 10);
}
