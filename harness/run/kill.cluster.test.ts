/** What a killed harness leaves, and how it is put right: the real command, a real cluster, a real SIGKILL. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { exec } from "../cluster/exec.ts";
import { LABEL_OWNER, LABEL_RUN, OWNER, SYSTEM_NAMESPACE } from "../cluster/labels.ts";
import type { ClusterHandle } from "../cluster/provider.ts";
import { waitFor } from "../cluster/wait.ts";
import { readJournal } from "../journal/journal.ts";
import { fingerprint } from "../testing/fingerprint.ts";
import { sharedCluster } from "../testing/shared-cluster.ts";
import type { JournalEntry } from "../types.ts";
import { listRuns, type RunFolder } from "./run-folder.ts";

const BIN = join(import.meta.dirname, "..", "cli", "bin.mjs");
const EXPERIMENT = join(import.meta.dirname, "..", "..", "experiments", "termination-lag.experiment.ts");

let cluster: ClusterHandle;
let before: Awaited<ReturnType<typeof fingerprint>>;
let running: ChildProcess | null = null;

beforeAll(async () => {
  cluster = await sharedCluster();
  before = await fingerprint(cluster);
});
afterEach(() => {
  running?.kill("SIGKILL");
  running = null;
});

const reportsFolder = () => mkdtempSync(join(tmpdir(), "faultline-kill-"));
const faultline = (args: readonly string[]) =>
  exec(process.execPath, [BIN, ...args], { timeoutMs: 240_000, accept: "any" });

/** Starts a run of the vulnerable arm and waits until its journal shows what `until` looks for. */
async function startRun(reports: string, until: (journal: readonly JournalEntry[]) => boolean): Promise<RunFolder> {
  const args = [
    "run",
    EXPERIMENT,
    "--size",
    "quick",
    "--arm",
    "vulnerable",
    "--cluster",
    cluster.name,
    "--reports",
    reports,
  ];
  const child = spawn(process.execPath, [BIN, ...args], { stdio: ["ignore", "ignore", "pipe"] });
  running = child;
  let said = "";
  child.stderr?.on("data", (chunk) => {
    said = `${said}${chunk}`.slice(-4_000);
  });
  return waitFor({
    what: "the run's journal to come as far as it should",
    timeoutMs: 180_000,
    everyMs: 100,
    probe: async () => {
      const folder = listRuns(reports)[0];
      if (folder !== undefined && until(readJournal(folder.journal))) return { done: true, value: folder };
      if (child.exitCode !== null) throw new Error(`the run ended with ${child.exitCode}: ${said}`);
      return { done: false, saw: said.split("\n").slice(-3).join(" | ") };
    },
  });
}

const lagIs = (state: string) => (journal: readonly JournalEntry[]) =>
  journal.some((entry) => entry.type === "fault" && entry.kind === "ingress.endpoint-lag" && entry.state === state);

describe("SIGKILL", () => {
  test("while the lag is injected: revert restores the ingress's normal path and says so", async () => {
    const reports = reportsFolder();
    const folder = await startRun(reports, lagIs("effective"));
    expect((await fingerprint(cluster)).leftovers.join("\n")).toMatch(/iptables .*faultline:faultline-lag-/);

    const refused = await faultline(["revert", "--reports", reports]);
    expect(refused.exitCode).toBe(3);
    expect(refused.stdout).toMatch(/still running/);
    const second = await faultline([
      "run",
      EXPERIMENT,
      "--size",
      "quick",
      "--arm",
      "control",
      "--cluster",
      cluster.name,
      "--reports",
      reportsFolder(),
    ]);
    expect(second.exitCode).toBe(255);
    expect(second.stderr).toContain(folder.runId);

    const child = running as ChildProcess;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;

    const revert = await faultline(["revert", "--reports", reports]);
    expect(revert.stdout).toMatch(/reverted vulnerable\/\S+ \(ingress\.endpoint-lag/);
    expect(revert.exitCode).toBe(0);
    expect(await fingerprint(cluster)).toEqual(before);
    const left = await cluster.kube.list(
      { apiVersion: "v1", kind: "Pod", namespace: SYSTEM_NAMESPACE },
      { labelSelector: `${LABEL_OWNER}=${OWNER},${LABEL_RUN}` },
    );
    expect(left.map((pod) => pod.metadata.name)).toEqual([]);

    const again = await faultline(["revert", "--reports", reports]);
    expect([again.exitCode, again.stdout]).toEqual([0, "nothing was left by any run"]);
  });

  test("while the workload is deployed: revert removes the namespace and the lock", async () => {
    const reports = reportsFolder();
    await startRun(reports, (journal) => journal.some((entry) => entry.type === "created"));
    const child = running as ChildProcess;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
    expect((await faultline(["revert", "--reports", reports])).exitCode).toBe(0);
    expect(await fingerprint(cluster)).toEqual(before);
  });
});

test("Ctrl-C stops the load, reverts, writes what there is, and leaves the cluster as it was", async () => {
  const reports = reportsFolder();
  const folder = await startRun(reports, lagIs("injected"));
  const child = running as ChildProcess;
  const code = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGINT");
  expect(await code).toBe(2);
  const journal = readJournal(folder.journal);
  expect(journal.at(-1)).toMatchObject({ type: "run-end", outcome: "interrupted", dirty: false });
  expect(journal.filter((entry) => entry.type === "load")).toHaveLength(1);
  expect(JSON.parse(readFileSync(join(folder.path, "verdict.json"), "utf8"))).toMatchObject({
    verdict: "inconclusive",
  });
  expect(readFileSync(join(folder.path, "report.html"), "utf8")).toContain("</html>");
  expect(await fingerprint(cluster)).toEqual(before);
});
