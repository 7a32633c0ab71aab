import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { expect, test } from "vitest";
import { z } from "zod";
import { syntheticRun } from "../testing/synthetic-run.ts";
import { judge } from "../verdict/judge.ts";
import { jsonReport } from "./json.ts";
import { verdictSchema } from "./verdict-schema.ts";

const SCHEMA_FILE = join(import.meta.dirname, "verdict.schema.json");
const published = () => JSON.parse(readFileSync(SCHEMA_FILE, "utf8"));
const verdict = judge(syntheticRun({ arms: ["control", "vulnerable"], terminations: 3, ratePerSecond: 40 }));

test("the schema in the repository is the one that verdicts are checked against", async () => {
  const wanted = z.toJSONSchema(verdictSchema);
  // The formatter may lay the file out otherwise than JSON.stringify; only what it says must be the same.
  if (isDeepStrictEqual(published(), wanted)) return;
  await expect(`${JSON.stringify(wanted, null, 2)}\n`).toMatchFileSnapshot(SCHEMA_FILE);
});

test("a produced verdict fits the JSON schema as it stands in the repository", () => {
  const schema = z.fromJSONSchema(published());
  const written = JSON.parse(jsonReport(verdict));
  expect(schema.safeParse(written).error).toBeUndefined();
  expect(written).toEqual(verdict);
  for (const broken of [
    { ...written, exitCode: 4 },
    { ...written, arms: [{ ...written.arms[0], verdict: "passed" }] },
    { ...written, arms: [{ ...written.arms[0], slos: [{ name: "only a name" }] }] },
    { ...written, extra: true },
  ]) {
    expect(schema.safeParse(broken).success).toBe(false);
  }
});

test("a number that JSON cannot hold is an error, not a null", () => {
  const [arm] = verdict.arms;
  const slos = [{ ...verdict.arms[0]?.slos[0], value: Number.NaN }];
  expect(() => jsonReport({ ...verdict, arms: [{ ...arm, slos }] } as typeof verdict)).toThrow(/value/);
});
