import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { commandFor, TOOLS, toolsOf, withDependencies } from "./dependencies.ts";

const tool = (file: string) => {
  const found = TOOLS.find((one) => one.file === file);
  if (found === undefined) throw new Error(file);
  return found;
};
const folderWith = async (...files: readonly string[]) => {
  const folder = await mkdtemp(join(tmpdir(), "faultline-service-"));
  for (const file of files) await writeFile(join(folder, file), "");
  return folder;
};

test("a service's files say which tools it needs", async () => {
  expect(await toolsOf(await folderWith("Dockerfile", "main.ts"))).toEqual([]);
  expect(await toolsOf(await folderWith("Dockerfile", "go.mod", "main.go"))).toEqual([tool("go.mod")]);
  expect(await toolsOf("/nowhere/at/all")).toEqual([]);
});

test("one that needs nothing is built where it lies", async () => {
  const folder = await folderWith("Dockerfile");
  expect(
    await withDependencies(
      "x",
      folder,
      "packages",
      () => {},
      async (used) => used,
    ),
  ).toBe(folder);
});

test("the same command runs on this machine, or in the tool's own image where a registry answers", () => {
  const go = tool("go.mod");
  expect(commandFor(go, "/w", "packages")).toEqual({
    command: "go",
    args: go.argv.slice(1),
    env: { CGO_ENABLED: "0" },
  });
  const { command, args } = commandFor(go, "/w", "registry");
  expect(command).toBe("docker");
  expect(args.slice(-1 - go.argv.length)).toEqual(["golang:1.26", ...go.argv]);
  expect(args.join(" ")).toContain("--volume /w:/service --workdir /service");
  expect(args).toContain("CGO_ENABLED=0");
});
