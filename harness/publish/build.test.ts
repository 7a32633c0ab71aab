import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { exec } from "../cluster/exec.ts";
import { installBuilt } from "./build.ts";

/** Starting Node and compiling take what a busy machine makes of them. */
const PATIENCE_MS = 180_000;
/** A project whose node_modules hold the built package as if it had been installed. */
const project = mkdtempSync(join(tmpdir(), "faultline-package-"));
const installed = join(project, "node_modules", "faultline");
let bin: string;
const EXPERIMENT = "termination-lag.experiment.ts";

beforeAll(async () => {
  bin = await installBuilt(project);
  cpSync(join(installed, "experiments"), project, { recursive: true });
  const text = readFileSync(join(project, EXPERIMENT), "utf8");
  writeFileSync(join(project, EXPERIMENT), text.replace("../harness/index.ts", "faultline"));
}, PATIENCE_MS);
afterAll(() => rmSync(project, { recursive: true, force: true }));

const faultline = (...argv: string[]) =>
  exec(process.execPath, [bin, ...argv], {
    cwd: project,
    timeoutMs: 120_000,
    accept: "any",
  });

test(
  "the command runs below node_modules, where Node strips no types",
  async () => {
    expect(await faultline("--version")).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+$/),
    });
  },
  PATIENCE_MS,
);

test(
  "an experiment of one's own imports it and is planned",
  async () => {
    const { exitCode, stdout, stderr } = await faultline("plan", EXPERIMENT);
    expect(stderr).not.toContain("Error");
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining("termination-lag")]);
  },
  PATIENCE_MS,
);

test("what images and nodes are made of is in it", () => {
  const files = readdirSync(installed, { recursive: true, encoding: "utf8" });
  expect(files).toEqual(
    expect.arrayContaining([
      "harness/faults/agent-image/Dockerfile",
      "harness/faults/agent-image/main.ts",
      "harness/cluster/imds-server/main.ts",
      "harness/faults/network/queue.pl",
      "harness/report/verdict.schema.json",
      "kind-config/two-workers.yaml",
      "kind-config/node-image/go.mod",
      "experiments/termination-lag.experiment.ts",
      "harness/index.d.ts",
      "harness/cluster/setup/recipe.ts",
    ]),
  );
  expect(files.filter((path) => /\.test\.|^harness\/(bench|testing)\//.test(path))).toEqual([]);
});
