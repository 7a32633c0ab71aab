/** The lifecycle on a cluster in memory: order of steps, what each failure leads to, recovery from every prefix. */
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { UpRequest } from "../cluster/provider.ts";
import { FaultlineError } from "../errors.ts";
import { readJournal } from "../journal/journal.ts";
import { plan } from "../plan/plan.ts";
import { experiment, planInput } from "../testing/experiment.ts";
import { type FakeCluster, fakeCluster } from "../testing/fake-cluster.ts";
import { type MarkerBehaviour, markerFault } from "../testing/marker-fault.ts";
import type { Experiment, JournalEntry, Plan } from "../types.ts";
import type { LoadOutcome, RunningLoad } from "./ports.ts";
import { needsRecovery, recover } from "./recover.ts";
import { type RunFolder, runFolder } from "./run-folder.ts";
import { RefusedError, type RunnerPorts, type RunOptions, run } from "./runner.ts";

const OUTCOME: LoadOutcome = {
  offered: 1,
  started: 1,
  completed: 1,
  dropped: 0,
  late: 0,
  thresholds: [],
  scriptErrors: [],
  endedEarly: null,
};

function planOf(changes: Partial<Experiment> = {}): Plan {
  const result = plan(
    planInput(experiment({ arms: { current: experiment().arms.current as never }, sizes: {}, ...changes })),
  );
  if ("problems" in result) throw new Error(JSON.stringify(result.problems));
  return result.plan;
}

interface World {
  readonly cluster: FakeCluster;
  readonly calls: string[];
  readonly ports: RunnerPorts;
}
function world(behaviour: MarkerBehaviour = {}): World {
  const cluster = fakeCluster();
  const calls: string[] = [];
  const fault = markerFault(cluster, calls, behaviour);
  const never = new Promise<LoadOutcome>(() => undefined);
  const ports: RunnerPorts = {
    provider: cluster.provider,
    faultOf: () => fault,
    startLoad: async ({ onProgress }): Promise<RunningLoad> => {
      calls.push("load");
      onProgress({ started: 1, completed: 1, windowGood: 1, windowBad: 0 });
      const stop = async () => {
        calls.push("load stop");
        return OUTCOME;
      };
      return { done: never, stop };
    },
    startProbe: async (name) => {
      calls.push(`probe ${name}`);
      return { stop: async () => void calls.push("probe stop") };
    },
    watchNodes: async () => ({ stop: async () => undefined }),
    progress: () => undefined,
    lock: async () => {
      calls.push("lock");
      return { previous: null, release: async () => void calls.push("unlock") };
    },
    missingCapabilities: async () => new Map(),
  };
  return { cluster, calls, ports };
}

async function runIn(it: World, options: { plan?: Plan; signal?: AbortSignal } = {}) {
  return run(
    {
      plan: options.plan ?? planOf(),
      reports: mkdtempSync(join(tmpdir(), "faultline-run-")),
      cluster: "fake",
      keep: false,
      signal: options.signal ?? new AbortController().signal,
      versions: {},
    },
    it.ports,
  );
}
const states = (folder: RunFolder) =>
  readJournal(folder.journal).flatMap((entry) => (entry.type === "fault" ? [entry.state] : []));
const end = (folder: RunFolder) => readJournal(folder.journal).findLast((entry) => entry.type === "run-end");

describe("the lifecycle", () => {
  test("goes in order and leaves nothing", async () => {
    const it = world();
    const { folder, error } = await runIn(it);
    expect(error).toBeNull();
    expect(it.calls).toEqual([
      "lock",
      "probe ends",
      "load",
      "prepare",
      "inject",
      "verifyEffective",
      "verifyEffective",
      "revert",
      "verifyReverted",
      "load stop",
      "probe stop",
      "unlock",
    ]);
    expect(states(folder)).toEqual(["intent", "injected", "effective", "effective", "reverting", "reverted"]);
    expect(end(folder)).toMatchObject({ outcome: "complete", dirty: false });
    expect(it.cluster.objects()).toEqual([]);
  });

  test("goes without load where there is none", async () => {
    const it = world();
    const { error } = await runIn(it, { plan: { ...planOf(), loadScript: null } });
    expect(error).toBeNull();
    expect(it.calls.filter((call) => call.startsWith("load"))).toEqual([]);
    expect(it.calls).toContain("revert");
  });

  test("the intent with its undo is on disk before the world changes", async () => {
    const it = world({ breaks: "inject" });
    const { folder } = await runIn(it);
    const intent = readJournal(folder.journal).find((entry) => entry.type === "fault");
    expect(intent).toMatchObject({ state: "intent", undo: { name: "current-nothing-0" } });
    expect(states(folder)).toEqual(["intent", "reverting", "reverted"]);
    expect(it.cluster.objects()).toEqual([]);
  });

  test("a fault without effect is reverted at once and the journal says ineffective", async () => {
    const { folder } = await runIn(world({ dud: true }));
    expect(states(folder)).toEqual(["intent", "injected", "ineffective", "ineffective", "reverting", "reverted"]);
  });

  test("a broken measurement ends the arm, not the revert", async () => {
    const it = world({ breaks: "verifyEffective" });
    const { folder } = await runIn(it);
    expect(states(folder).slice(-2)).toEqual(["reverting", "reverted"]);
    expect(readJournal(folder.journal)).toContainEqual(expect.objectContaining({ type: "error", arm: "current" }));
  });

  test("a revert that fails leaves the run dirty", async () => {
    const { folder, error } = await runIn(world({ breaks: "revert" }));
    expect(states(folder)).toContain("failed");
    expect(end(folder)).toMatchObject({ outcome: "failed", dirty: true });
    expect(String(error)).toMatch(/could not be reverted/);
  });

  test("several faults come off newest first; one whose revert fails keeps none of the others in, and says what to do", async () => {
    const it = world();
    const stubborn = markerFault(it.cluster, it.calls, { breaks: "revert" });
    const byHand = () => ["kubectl delete marker by-hand"];
    const faultOf = (kind: string) => ({ ...(kind === "noop" ? it.ports.faultOf("noop") : stubborn), byHand });
    const both = planOf({
      faults: { nothing: { kind: "noop" }, stuck: { kind: "node.freeze", targets: {} }, last: { kind: "noop" } },
      timeline: ["nothing", "stuck", "last"].map((inject) => ({ at: "0s" as const, inject, for: "20ms" as const })),
    });
    const { folder, error } = await runIn({ ...it, ports: { ...it.ports, faultOf } }, { plan: both });
    const ended = readJournal(folder.journal).flatMap((entry) =>
      entry.type === "fault" && ["reverted", "failed"].includes(entry.state) ? [`${entry.fault} ${entry.state}`] : [],
    );
    expect(ended).toEqual(["last reverted", "stuck failed", "stuck failed", "nothing reverted"]);
    expect(error).toMatchObject({ fix: expect.stringContaining("kubectl delete marker by-hand") });
    expect(end(folder)).toMatchObject({ dirty: true });
    expect(it.cluster.objects().filter((key) => key.startsWith("Marker"))).toEqual(["Marker//current-stuck-1"]);
  });

  test("a stop reverts and closes the files", async () => {
    const it = world();
    const stop = new AbortController();
    const held = planOf({ timeline: [{ at: "0s", inject: "nothing", for: "9s" }] });
    const progress = (line: string) => {
      if (line.includes("the marker is there")) stop.abort();
    };
    const { folder } = await run(
      {
        plan: held,
        reports: mkdtempSync(join(tmpdir(), "faultline-run-")),
        cluster: "fake",
        keep: false,
        signal: stop.signal,
        versions: {},
      },
      { ...it.ports, progress },
    );
    expect(states(folder).slice(-2)).toEqual(["reverting", "reverted"]);
    expect(it.calls).toContain("load stop");
    expect(end(folder)).toMatchObject({ outcome: "interrupted", dirty: false });
    expect(it.cluster.objects()).toEqual([]);
  });
});

describe("a cluster that runs share", () => {
  const runOn = async (it: World, change: Partial<RunOptions>, ports: Partial<RunnerPorts> = {}) => {
    const attached: UpRequest[] = [];
    const up = async (request: UpRequest) => ({ ...it.cluster.handle, name: request.name, created: true });
    const attach = async (request: UpRequest) => {
      attached.push(request);
      return it.cluster.handle;
    };
    const reports = mkdtempSync(join(tmpdir(), "faultline-run-"));
    const always = { plan: planOf(), reports, keep: false, signal: new AbortController().signal, versions: {} };
    const provider = { ...it.ports.provider, up, attach };
    const result = await run({ ...always, ...change }, { ...it.ports, provider, ...ports });
    return { ...result, attached, down: it.cluster.log.filter((line) => line.startsWith("down ")) };
  };
  const clusterEntry = (folder: RunFolder) => readJournal(folder.journal).find((entry) => entry.type === "cluster");

  test("is left to the next one, which removes it when it is the last", async () => {
    const first = await runOn(world(), { next: [planOf()] });
    expect(first).toMatchObject({ leftTo: expect.stringMatching(/^faultline-/), down: [] });
    const on = { cluster: first.leftTo ?? "", isTakenOver: true };
    const between = await runOn(world(), { ...on, next: [planOf()] });
    expect(between).toMatchObject({ leftTo: first.leftTo, down: [] });
    const last = await runOn(world(), on);
    expect(last).toMatchObject({ leftTo: null, down: [`down ${first.leftTo}`], attached: [{ name: first.leftTo }] });
    // So that the recovery of any of them removes it.
    for (const { folder } of [first, between, last]) expect(clusterEntry(folder)).toMatchObject({ created: true });
  });

  test("is not left dirty, nor by a run that ended early", async () => {
    const dirty = await runOn(world({ breaks: "revert" }), { next: [planOf()] });
    expect(dirty).toMatchObject({ leftTo: null, down: [] });
    const lock = async () => {
      throw new FaultlineError("cluster-busy", "somebody else");
    };
    const ended = await runOn(world(), { next: [planOf()] }, { lock });
    expect(ended).toMatchObject({ leftTo: null, down: [expect.stringMatching(/^down faultline-/)] });
  });

  test("that is somebody's own is neither left nor removed", async () => {
    expect(await runOn(world(), { cluster: "mine", next: [planOf()] })).toMatchObject({ leftTo: null, down: [] });
  });

  test("goes when it cannot be taken over", async () => {
    const it = world();
    const attach = async () => {
      throw new FaultlineError("cluster", "worker2 not running");
    };
    const provider = { ...it.ports.provider, attach };
    const { error, down } = await runOn(it, { cluster: "left", isTakenOver: true }, { provider });
    expect(String(error)).toMatch(/worker2 not running/);
    expect(down).toEqual(["down left"]);
  });
});

test("a load that died leaves no probe running", async () => {
  const it = world();
  const dead = async (): Promise<LoadOutcome> => {
    throw new FaultlineError("cluster", "the load runner is gone");
  };
  const startLoad: RunnerPorts["startLoad"] = async (load) => ({ ...(await it.ports.startLoad(load)), stop: dead });
  const { folder } = await runIn({ ...it, ports: { ...it.ports, startLoad } });
  expect(it.calls).toContain("probe stop");
  expect(JSON.stringify(readJournal(folder.journal))).toContain("the load runner is gone");
});

describe("refused before anything is touched", () => {
  test.each([
    [{}, /exists and is not ours/],
    [{ "faultline.dev/owner": "faultline" }, /left from an earlier run/],
  ])("a namespace that is there already, labels %j", async (labels, message) => {
    const it = world();
    it.cluster.put({ apiVersion: "v1", kind: "Namespace", metadata: { name: "sample-current", labels } });
    const refusal = await runIn(it).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(RefusedError);
    expect(String(refusal)).toMatch(message);
    expect(it.cluster.log).toEqual([]);
  });

  test("a missing capability, with its reason", async () => {
    const it = world();
    const fault = { ...it.ports.faultOf("noop"), needs: ["node-exec"] as const };
    const ports: RunnerPorts = {
      ...it.ports,
      faultOf: () => fault,
      missingCapabilities: async () => new Map([["node-exec", "no way in"]]),
    };
    await expect(runIn({ ...it, ports })).rejects.toThrow(/needs node-exec.*no way in/);
  });
});

describe("recovery", () => {
  test("every prefix of the journal is a legal crash", async () => {
    const { folder } = await runIn(world());
    const lines = readFileSync(folder.journal, "utf8")
      .split("\n")
      .filter((line) => line !== "");
    for (let length = 1; length < lines.length; length++) {
      const prefix = lines.slice(0, length);
      const crashed = crashedRun(folder, prefix);
      const it = world();
      // The worst case of each prefix: the step after the last line was done, and its line was not written.
      it.cluster.put({ apiVersion: "v1", kind: "Marker", metadata: { name: "current-nothing-0" } });
      it.cluster.put({
        apiVersion: "v1",
        kind: "Namespace",
        metadata: { name: "sample-current", labels: { "faultline.dev/owner": "faultline" } },
      });
      const entries = prefix.map((line) => JSON.parse(line) as JournalEntry);
      const result = await recover(crashed, recoveryPorts(it));
      expect(result.left).toEqual([]);
      expect(needsRecovery(crashed)).toBe(false);
      const injected =
        entries.some((entry) => entry.type === "fault" && entry.state === "intent") &&
        !entries.some((entry) => entry.type === "fault" && entry.state === "reverted");
      if (injected) expect(it.cluster.objects()).not.toContain("Marker//current-nothing-0");
      const created =
        entries.some((entry) => entry.type === "created") && !entries.some((entry) => entry.type === "removed");
      if (created) expect(it.cluster.objects()).not.toContain("Namespace//sample-current");
      expect((await recover(crashed, recoveryPorts(it))).done).toEqual([]);
    }
  });

  test("a run whose process lives is not recovered", async () => {
    const { folder } = await runIn(world());
    const lines = readFileSync(folder.journal, "utf8").split("\n").slice(0, 3);
    const parent = JSON.parse(lines[0] as string);
    const stat = readFileSync(`/proc/${process.ppid}/stat`, "utf8");
    parent.pid = process.ppid;
    parent.pidStart = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
    const crashed = crashedRun(folder, [JSON.stringify(parent), ...lines.slice(1)]);
    await expect(recover(crashed, recoveryPorts(world()))).rejects.toThrow(/still running/);
  });

  test("a cluster that is gone took everything with it", async () => {
    const { folder } = await runIn(world({ breaks: "revert" }));
    const result = await recover(folder, { ...recoveryPorts(world()), reach: async () => null });
    expect(result.done).toEqual([expect.stringMatching(/is gone/)]);
    expect(needsRecovery(folder)).toBe(false);
  });
});

function recoveryPorts(it: World): Parameters<typeof recover>[1] {
  return { ...it.ports, reach: async () => it.cluster.handle, unlock: async () => undefined };
}

/** A copy of a run's folder with only these lines, written by a process that is gone. */
function crashedRun(folder: RunFolder, lines: readonly string[]): RunFolder {
  const path = mkdtempSync(join(tmpdir(), "faultline-crashed-"));
  writeFileSync(join(path, "plan.json"), readFileSync(join(folder.path, "plan.json")));
  writeFileSync(join(path, "journal.ndjson"), lines.map((line) => `${line}\n`).join(""));
  return runFolder(path);
}
