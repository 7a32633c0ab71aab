import { expect, test } from "vitest";
import { embeddedJson, html, px } from "./markup.ts";

test("values are escaped, markup is not, and nothing is nothing", () => {
  const inner = html`<b>${"<i>&\"'"}</b>`;
  expect(html`${inner}${null}${false}${[1, " ", inner]}`.text).toBe(
    "<b>&#60;i&#62;&#38;&#34;&#39;</b>1 <b>&#60;i&#62;&#38;&#34;&#39;</b>",
  );
});

test("embedded JSON cannot end its element, and reads back the same", () => {
  const value = { text: "</script><!-- <script>" };
  const { text } = embeddedJson(value);
  expect(text).not.toContain("<");
  expect(JSON.parse(text)).toEqual(value);
});

test("coordinates have at most one decimal", () => {
  expect([px(1), px(1.26), px(-0.04)]).toEqual(["1", "1.3", "0"]);
});
