import { mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { syntheticRun } from "../testing/synthetic-run.ts";
import { judge } from "../verdict/judge.ts";
import { writeReports } from "./reporter.ts";

const RUN = syntheticRun({ arms: ["control", "vulnerable"], terminations: 2, ratePerSecond: 30 });
const VERDICT = judge(RUN);
const temporary = async () => mkdtemp(join(tmpdir(), "faultline-report-"));

test("all reports are written, and nothing else is left", async () => {
  const folder = await temporary();
  const result = await writeReports(folder, RUN, VERDICT);
  const files = ["verdict.json", "junit.xml", "report.md", "report.html"];
  expect(result).toEqual({ written: files.map((file) => join(folder, file)), failures: [] });
  expect((await readdir(folder)).sort()).toEqual([...files].sort());
  expect(JSON.parse(await readFile(join(folder, "verdict.json"), "utf8"))).toEqual(VERDICT);
});

test("a reporter that fails is named, the others write, the verdict stays", async () => {
  const folder = await temporary();
  const before = structuredClone(VERDICT);
  const result = await writeReports(folder, RUN, VERDICT, [
    { file: "a.txt", render: () => "a" },
    {
      file: "b.txt",
      render: () => {
        throw new Error("no ink");
      },
    },
    { file: "c.txt", render: () => "c" },
  ]);
  expect(result.failures).toEqual([{ file: "b.txt", message: "no ink" }]);
  expect(result.written).toEqual([join(folder, "a.txt"), join(folder, "c.txt")]);
  expect(VERDICT).toEqual(before);
});

test("a folder that cannot be made fails each report, and throws nothing", async () => {
  const file = join(await temporary(), "occupied");
  await writeFile(file, "");
  const result = await writeReports(join(file, "run"), RUN, VERDICT);
  expect(result.written).toEqual([]);
  expect(result.failures).toHaveLength(4);
  expect(result.failures[0]?.message).toMatch(/ENOTDIR|EEXIST/);
});

test("writing again replaces the earlier reports", async () => {
  const folder = await temporary();
  const render = (text: string) => [{ file: "a.txt", render: () => text }];
  await writeReports(folder, RUN, VERDICT, render("a long first text"));
  await writeReports(folder, RUN, VERDICT, render("short"));
  expect(await readFile(join(folder, "a.txt"), "utf8")).toBe("short");
});
