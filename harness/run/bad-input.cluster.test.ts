/** What is refused once a cluster can be asked, and that nothing was touched. */
import { cpSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { exec } from "../cluster/exec.ts";
import type { ClusterHandle } from "../cluster/provider.ts";
import { fingerprint } from "../testing/fingerprint.ts";
import { sharedCluster } from "../testing/shared-cluster.ts";

const PROJECT = join(import.meta.dirname, "..", "..");
const BIN = join(PROJECT, "harness", "cli", "bin.mjs");
let cluster: ClusterHandle;

beforeAll(async () => {
  cluster = await sharedCluster();
});

/** A copy of the termination story with its text changed. */
function changed(change: (text: string) => string, manifest: (text: string) => string = (text) => text): string {
  const folder = mkdtempSync(join(tmpdir(), "faultline-bad-"));
  cpSync(join(PROJECT, "experiments"), folder, { recursive: true });
  symlinkSync(join(PROJECT, "node_modules"), join(folder, "node_modules"));
  const file = join(folder, "termination-lag.experiment.ts");
  const source = readFileSync(file, "utf8").replaceAll('"../harness/', `"${join(PROJECT, "harness")}/`);
  writeFileSync(file, change(source));
  const yaml = join(folder, "services", "checkout", "manifests", "deployment.yaml");
  writeFileSync(yaml, manifest(readFileSync(yaml, "utf8")));
  return file;
}
const run = async (file: string) =>
  exec(
    process.execPath,
    [
      BIN,
      "run",
      file,
      "--size",
      "quick",
      "--cluster",
      cluster.name,
      "--reports",
      mkdtempSync(join(tmpdir(), "faultline-bad-reports-")),
    ],
    {
      timeoutMs: 120_000,
      accept: "any",
    },
  );

test("a manifest that the API server refuses, and an image that is nowhere, together", async () => {
  const before = await fingerprint(cluster);
  const bad = (text: string) =>
    text.replace(/image: checkout\b/, "image: nowhere/checkout:1").replace(/replicas: \d+/, "replicas: -1");
  const result = await run(changed((text) => text, bad));
  expect(result.exitCode).toBe(254);
  expect(result.stderr).toMatch(/the API server refuses it: .*replicas/);
  expect(result.stderr).toMatch(/the image nowhere\/checkout:1 is on no node and cannot be pulled/);
  expect(await fingerprint(cluster)).toEqual(before);
});

test("a namespace of that name that is not ours is refused, never adopted", async () => {
  const name = "foreign-control";
  const ref = { apiVersion: "v1", kind: "Namespace", name };
  await cluster.kube.create({ apiVersion: "v1", kind: "Namespace", metadata: { name } });
  try {
    const result = await run(changed((text) => text.replace(/namespace: "[^"]+"/, 'namespace: "foreign"')));
    expect(result.exitCode).toBe(254);
    expect(result.stderr).toMatch(/foreign-control exists and is not ours; it is never adopted/);
    expect((await cluster.kube.get(ref))?.metadata.deletionTimestamp).toBeUndefined();
  } finally {
    await cluster.kube.delete(ref);
  }
});
