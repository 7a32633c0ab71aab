import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { faults } from "../faults/index.ts";
import { planFile } from "../run/load-definition.ts";
import { planApart } from "./plan-apart.ts";

const STORY = join(import.meta.dirname, "..", "..", "experiments", "termination-lag.experiment.ts");

function written(text: string): string {
  const file = join(mkdtempSync(join(tmpdir(), "faultline-apart-")), "x.experiment.mjs");
  writeFileSync(file, text);
  return file;
}

test("a plan is the same as here", async () => {
  const choice = { file: STORY, size: "quick", seed: 7, arms: ["control", "vulnerable"] };
  const { plan } = (await planFile(choice, faults)) as { plan: object };
  expect(await planApart(choice)).toEqual({ plan: JSON.parse(JSON.stringify(plan)), problems: [] });
});

test("problems of the definition", async () => {
  expect(await planApart({ file: written("export default { name: 1 }") })).toMatchObject({
    problems: expect.arrayContaining([expect.objectContaining({ path: "name" })]),
  });
});

test.each([
  ["process.exit(0)", /ended before it was planned/, /only define/],
  ["throw new TypeError('no such thing')", /cannot be loaded: no such thing/, undefined],
  ["export const x = 1", /no default export/, /defineExperiment/],
])("%s", async (text, message, fix) => {
  const error = await planApart({ file: written(text) }).catch((caught: unknown) => caught);
  expect(error).toMatchObject({ code: "usage", message: expect.stringMatching(message) });
  if (fix !== undefined) expect(error).toMatchObject({ fix: expect.stringMatching(fix) });
});

test("what a user's file leaves open keeps nobody waiting", async () => {
  await expect(planApart({ file: written("setInterval(() => {}, 1e6); export default {}") })).resolves.toHaveProperty(
    "problems",
  );
});
