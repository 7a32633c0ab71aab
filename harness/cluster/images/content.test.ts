import { chmodSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { contentHash } from "./content.ts";

let context: string;
beforeEach(() => {
  context = mkdtempSync(join(tmpdir(), "faultline-context-"));
  mkdirSync(join(context, "src"));
  writeFileSync(join(context, "Dockerfile"), "FROM scratch\n");
  writeFileSync(join(context, "src", "main.ts"), "serve();\n");
});
afterEach(() => rmSync(context, { recursive: true }));

const hash = (base = "sha256:base") => contentHash(context, [base]);

test("the same content is the same image, whenever it was written", async () => {
  const before = await hash();
  utimesSync(join(context, "src", "main.ts"), 0, 0);
  writeFileSync(join(context, "Dockerfile"), "FROM scratch\n");
  expect(await hash()).toBe(before);
  expect(before).toMatch(/^[0-9a-f]{12}$/);
});

test.each<[string, () => void]>([
  ["a file's text", () => writeFileSync(join(context, "src", "main.ts"), "stop();\n")],
  ["a file's mode", () => chmodSync(join(context, "src", "main.ts"), 0o755)],
  ["a new file", () => writeFileSync(join(context, "src", "more.ts"), "")],
  ["the Dockerfile", () => writeFileSync(join(context, "Dockerfile"), "FROM other\n")],
])("%s makes another image", async (_name, change) => {
  const before = await hash();
  change();
  expect(await hash()).not.toBe(before);
});

test("another base image makes another image", async () => {
  expect(await hash("sha256:other")).not.toBe(await hash());
});

test("what .dockerignore names plainly does not count", async () => {
  writeFileSync(join(context, ".dockerignore"), "# notes\nnotes\n*.log\n");
  const before = await hash();
  mkdirSync(join(context, "notes"));
  writeFileSync(join(context, "notes", "todo"), "x");
  expect(await hash()).toBe(before);
});

test("a folder without a Dockerfile is the caller's mistake", async () => {
  rmSync(join(context, "Dockerfile"));
  await expect(hash()).rejects.toMatchObject({ code: "usage", message: expect.stringContaining(context) });
});
