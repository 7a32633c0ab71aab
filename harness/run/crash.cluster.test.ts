/**
 * Undo that survives anything: faults of a run in a process of its own, which is killed or stopped; then what is left is
 * undone, and the cluster is as it was. `FAULTLINE_KILLS=100` runs the whole set of random kills instead of a sample.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { exec } from "../cluster/exec.ts";
import { installImds } from "../cluster/imds/install.ts";
import { LABEL_RUN } from "../cluster/labels.ts";
import type { ClusterHandle } from "../cluster/provider.ts";
import { waitFor } from "../cluster/wait.ts";
import { AGENT_IMAGE } from "../faults/agent/pod.ts";
import { readJournal } from "../journal/journal.ts";
import { seeded } from "../plan/random.ts";
import type { CrashRun } from "../testing/crash-run.ts";
import { type Fingerprint, fingerprint } from "../testing/fingerprint.ts";
import { type TestNamespace, testNamespace } from "../testing/pause-deployment.ts";
import { sharedCluster } from "../testing/shared-cluster.ts";
import type { FaultSpec, FaultState } from "../types.ts";
import { LEASE_MS } from "./fault-step.ts";
import { readLedger } from "./ledger.ts";
import { leftovers } from "./leftovers.ts";
import { listRuns } from "./run-folder.ts";

const BIN = join(import.meta.dirname, "..", "cli", "bin.mjs");
const PROGRAM = join(import.meta.dirname, "..", "testing", "crash-run.ts");
const WEB_PORT = 8_080;

/** One of each way in which a fault is put in: a proxy and rules, a host guard, scripts on a node, rules and a program there, settings of a mock. */
const FAULTS: readonly FaultSpec[] = [
  { kind: "ingress.endpoint-lag", lag: "500ms" },
  { kind: "node.freeze", targets: { names: ["worker2"] } },
  { kind: "node.crash", targets: { names: ["worker2"] } },
  { kind: "node.kubelet-stop", targets: { names: ["worker"] } },
  {
    ...{ kind: "network.latency", delay: "50ms" },
    ...{ nodes: { names: ["worker"] }, peers: { nodes: { names: ["control-plane"] } } },
  },
  { kind: "imds.credentials", remaining: "899s" },
];
const WEB = { selector: "app=web" };
/** For the random kills beside those: what loads a node, what changes a kubelet's settings, cuts nodes apart, stands before pods. */
const MORE_FAULTS: readonly FaultSpec[] = [
  { kind: "node.cpu-saturation", targets: { names: ["worker2"] }, percent: 60, cap: 0.5 },
  { kind: "node.memory-pressure", targets: { names: ["worker"] }, memoryMiB: 256 },
  { kind: "node.kubelet-throttle", targets: { names: ["worker"] }, qps: 5, burst: 10 },
  { kind: "node.overload-crash", targets: {}, threshold: 90, for: "2s" },
  {
    kind: "network.partition",
    nodes: { names: ["worker"] },
    peers: { nodes: { names: ["worker2"] } },
  },
  { kind: "http.latency", pods: WEB, port: WEB_PORT, latency: "200ms" },
  { kind: "http.error", pods: WEB, port: WEB_PORT, share: "50%" },
  { kind: "dns.latency", names: ["kubernetes.default.svc.cluster.local"], latency: "200ms", pods: WEB },
  { kind: "dns.overload", perSecond: 10, pods: WEB },
];
const STATES: readonly FaultState[] = ["intent", "injected", "effective", "reverting"];
const KILLS = Number(process.env.FAULTLINE_KILLS ?? 10);

let cluster: ClusterHandle;
let namespace: TestNamespace;
let before: Fingerprint;
let running: { readonly child: ChildProcess; readonly reports: string } | null = null;

beforeAll(async () => {
  cluster = await sharedCluster();
  await installImds(cluster);
  namespace = await testNamespace(cluster, "crash");
  // Of no run: `revert --kubeconfig` removes what runs left, and is to leave this one.
  const ref = { apiVersion: "v1", kind: "Namespace", name: namespace.name };
  await cluster.kube.patch(ref, { metadata: { labels: { [LABEL_RUN]: null } } });
  await deployWeb();
  before = await fingerprint(cluster);
});
// A test that failed must not make the next ones fail.
afterEach(async () => {
  if (running === null) return;
  const { child, reports } = running;
  running = null;
  if (child.exitCode === null && child.signalCode === null) {
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  await faultline(["revert", "--reports", reports]);
});
afterAll(async () => namespace?.remove());

/** Pods that answer, on the one node that no fault here takes down. */
async function deployWeb(): Promise<void> {
  const images = await cluster.loadImages([AGENT_IMAGE]);
  const env = [{ name: "ROLE", value: "canary" }];
  const readinessProbe = { httpGet: { port: WEB_PORT }, periodSeconds: 1, failureThreshold: 1 };
  const onControlPlane = { nodeName: `${cluster.name}-control-plane` };
  await namespace.deployPause("web", 2, onControlPlane, { image: images[AGENT_IMAGE.name], env, readinessProbe });
}

function start(change: Partial<CrashRun> & Pick<CrashRun, "faults">): NonNullable<typeof running> {
  const reports = mkdtempSync(join(tmpdir(), "faultline-crash-"));
  const run: CrashRun = { cluster: cluster.name, namespace: namespace.name, reports, hold: "1s", seed: 1, ...change };
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", PROGRAM, JSON.stringify(run)], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr?.on("data", (chunk) => {
    said = `${said}${chunk}`.slice(-4_000);
  });
  child.once("exit", (code) => {
    if (code !== null && code !== 0) process.stderr.write(said);
  });
  running = { child, reports };
  return running;
}

const faultline = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  exec(process.execPath, [BIN, ...args], { timeoutMs: 240_000, accept: "any", env });

/** Nodes come back and pods end in their own time; in the end nothing may differ. */
async function untilAsBefore(): Promise<void> {
  let now = await fingerprint(cluster);
  await waitFor({
    what: "the cluster to be as it was",
    timeoutMs: 60_000,
    everyMs: 500,
    probe: async () => {
      now = await fingerprint(cluster);
      const same = JSON.stringify(now) === JSON.stringify(before);
      return same ? { done: true, value: undefined } : { done: false, saw: "the difference that follows" };
    },
  }).catch(() => undefined);
  expect(now).toEqual(before);
}

/** A journal has no line in its first moment, and then a whole one. */
const statesOf = (reports: string) =>
  listRuns(reports)
    .filter(({ journal }) => statSync(journal).size > 0)
    .flatMap(({ journal }) => readJournal(journal))
    .flatMap((entry) => (entry.type === "fault" ? [entry.state] : []));

async function revertAll(reports: string): Promise<void> {
  const { exitCode, stdout, stderr } = await faultline(["revert", "--reports", reports]);
  expect(exitCode, `${stdout}\n${stderr}`).toBe(0);
}

describe.each(FAULTS.map((spec) => [spec.kind, spec] as const))("%s", (_, spec) => {
  test.each(STATES)("SIGKILL at %s: revert leaves the cluster as it was", async (state) => {
    const { child, reports } = start({ faults: [spec], dieAt: { fault: 0, state } });
    expect((await once(child, "exit"))[1]).toBe("SIGKILL");
    expect(statesOf(reports).at(-1)).toBe(state);
    await revertAll(reports);
    await untilAsBefore();
    expect(await readLedger(cluster.kube)).toEqual([]);
  });
});

describe("the lease", () => {
  const onNodes = FAULTS.filter(({ kind }) => !/^(?:ingress|imds)\.|^node\.crash$/.test(kind));
  const marks = async () =>
    (await leftovers(cluster)).filter(({ what }) => !/^(?:Pod|ConfigMap|Namespace) /.test(what));

  test.each(["SIGKILL", "SIGSTOP"] as const)("after %s the nodes are clean by themselves", async (signal) => {
    const { child, reports } = start({ faults: onNodes, hold: "10m" });
    await waitFor({
      what: "all faults to be in effect",
      timeoutMs: 120_000,
      everyMs: 200,
      probe: async () => {
        const states = statesOf(reports);
        const effective = states.filter((state) => state === "effective").length;
        return effective === onNodes.length ? { done: true, value: undefined } : { done: false, saw: states.join() };
      },
    });
    child.kill(signal);
    await waitFor({
      what: "clean nodes",
      timeoutMs: LEASE_MS + 5_000,
      everyMs: 500,
      probe: async () => {
        const left = await marks();
        return left.length === 0 ? { done: true, value: undefined } : { done: false, saw: JSON.stringify(left) };
      },
    });
    child.kill("SIGKILL");
    await revertAll(reports);
    await untilAsBefore();
  });
});

test("another machine with only a kubeconfig finds what is left, undoes it and proves it", async () => {
  const faults: FaultSpec[] = [{ kind: "noop" }];
  const { child } = start({ faults, dieAt: { fault: faults.length - 1, state: "effective" }, staleAfterMs: 3_000 });
  await once(child, "exit");
  const elsewhere = {
    HOME: mkdtempSync(join(tmpdir(), "faultline-home-")),
    DOCKER_HOST: "unix:///nowhere",
    XDG_CACHE_HOME: "",
  };
  const from = ["--kubeconfig", cluster.kubeconfig];
  await waitFor({
    what: "the ledger to be worked off",
    timeoutMs: 60_000,
    everyMs: 1_000,
    probe: async () => {
      const { exitCode, stdout, stderr } = await faultline(["revert", ...from], elsewhere);
      return exitCode === 0
        ? { done: true, value: undefined }
        : { done: false, saw: `${exitCode} ${stdout} ${stderr}` };
    },
  });
  expect(await faultline(["verify-clean", ...from], elsewhere)).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/^clean/),
  });
  await untilAsBefore();
});

/** So many milliseconds after the fault came to that state; a run that is over by then has nothing to kill. */
async function killAfter({ child, reports }: NonNullable<typeof running>, state: FaultState, ms: number) {
  const isOver = () => child.exitCode !== null || child.signalCode !== null;
  await waitFor({
    what: `the fault to be ${state}, or the run to be over`,
    timeoutMs: 120_000,
    everyMs: 10,
    probe: async () => {
      const states = statesOf(reports);
      return isOver() || states.includes(state)
        ? { done: true, value: undefined }
        : { done: false, saw: states.join() };
    },
  });
  await sleep(ms);
  if (isOver()) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}

test(
  `${KILLS} SIGKILLs at random instants leave nothing behind`,
  async () => {
    const random = seeded(20_260_801);
    const met: string[] = [];
    for (let i = 0; i < KILLS; i += 1) {
      const faults = [random.pick([...FAULTS, ...MORE_FAULTS])];
      const one = start({ faults, hold: "500ms", seed: i + 1 });
      await killAfter(one, random.pick(STATES), random.below(400));
      const wasKilled = one.child.signalCode === "SIGKILL";
      met.push(`${faults[0]?.kind} ${wasKilled ? statesOf(one.reports).at(-1) : "over"}`);
      await revertAll(one.reports);
      await untilAsBefore();
    }
    process.stderr.write(`killed in: ${met.join(", ")}\n`);
    // Kills that meet no fault prove nothing.
    const early = met.filter((one) => !/ (?:over|reverted)$/.test(one));
    expect(early.length, met.join()).toBeGreaterThan(KILLS / 2);
  },
  KILLS * 60_000,
);
