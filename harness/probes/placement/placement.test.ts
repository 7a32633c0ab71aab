import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CpuSample, cpuShares, readCpu } from "./cpu.ts";
import { isSamePlace, placeOf } from "./place.ts";

describe("where a pod is", () => {
  const pod = (spec: object, conditions: object[] = [], metadata: object = {}) => ({
    metadata: { name: "a", uid: "u", ...metadata },
    spec,
    status: { conditions },
  });
  const waiting = [{ type: "PodScheduled", status: "False", message: "0/4 nodes are available" }];

  it("is its node, or the scheduler's reason for none", () => {
    expect(placeOf(pod({}), false)).toMatchObject({ node: null, pending: null, ready: false });
    expect(placeOf(pod({}, waiting), false)).toMatchObject({ node: null, pending: "0/4 nodes are available" });
    const ready = [{ type: "Ready", status: "True" }];
    expect(placeOf(pod({ nodeName: "n" }, ready), false)).toMatchObject({ node: "n", ready: true, ending: false });
  });

  it("ends with its deletion, and is never ready when it is gone", () => {
    const ready = [{ type: "Ready", status: "True" }];
    const deleted = { deletionTimestamp: "2026-11-25T02:49:52Z" };
    expect(placeOf(pod({ nodeName: "n" }, ready, deleted), false)).toMatchObject({ ready: true, ending: true });
    expect(placeOf(pod({ nodeName: "n" }, ready), true)).toMatchObject({ ready: false, ending: true, gone: true });
  });

  it("is the same until something of it changes", () => {
    const place = placeOf(pod({ nodeName: "n" }), false);
    expect(isSamePlace(place, { ...place })).toBe(true);
    expect(isSamePlace(place, { ...place, ready: true })).toBe(false);
  });
});

describe("CPU time", () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "faultline-cpu-"));
  });
  afterEach(async () => rm(root, { recursive: true, force: true }));
  const write = async (files: Readonly<Record<string, string>>) => {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(join(root, path, ".."), { recursive: true });
      await writeFile(join(root, path), text);
    }
  };

  it("of a node and its pods is read from control groups of version 1", async () => {
    await write({
      "acct/node/cpuacct.usage": "7000000000\n",
      "acct/node/kubelet/kubepods/besteffort/poda-1/cpuacct.usage": "3000000000\n",
      "acct/node/system.slice/poda-2/cpuacct.usage": "9\n",
      "cpu/node/cpu.cfs_quota_us": "45000\n",
      "cpu/node/cpu.cfs_period_us": "100000\n",
      "cpu/node/cpu.stat": "nr_periods 50\nnr_throttled 20\nthrottled_time 77\n",
    });
    const files = {
      ...{ usage: join(root, "acct/node/cpuacct.usage"), perMs: 1e6 },
      quota: join(root, "cpu/node/cpu.cfs_quota_us"),
    };
    expect(await readCpu(files, ["a-1", "a-2", "a-3"])).toMatchObject({
      usedMs: 7_000,
      ofPods: new Map([["a-1", 3_000]]),
      periods: 50,
      throttledPeriods: 20,
      cap: 0.45,
    });
  });

  it("and of version 2, where systemd names them", async () => {
    const pods = "kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice";
    await write({
      "node/cpu.stat": "usage_usec 5000\nuser_usec 1\nnr_periods 9\nnr_throttled 3\n",
      "node/cpu.max": "max 100000\n",
      [`node/${pods}/kubelet-kubepods-burstable-poda_1.slice/cpu.stat`]: "usage_usec 2000\nuser_usec 1\n",
    });
    const files = { usage: join(root, "node/cpu.stat"), perMs: 1e3, quota: join(root, "node/cpu.max") };
    const sample = await readCpu(files, ["a-1"]);
    expect(sample).toMatchObject({ usedMs: 5, ofPods: new Map([["a-1", 2]]), throttledPeriods: 3, cap: null });
  });

  it("is shared out between two samples, a new pod from nothing", () => {
    const sample = (change: Partial<CpuSample>): CpuSample => ({
      ...{ atMs: 0, usedMs: 100, ofPods: new Map([["a", 50]]), periods: 10, throttledPeriods: 0, cap: 0.5 },
      ...change,
    });
    const ofPods = new Map([
      ["a", 200],
      ["b", 100],
    ]);
    const now = sample({ atMs: 1_000, usedMs: 550, ofPods, periods: 20, throttledPeriods: 9 });
    expect(cpuShares(sample({}), now, 2)).toEqual({ used: 0.45, byReplicas: 0.25, cap: 0.5, throttled: 0.9 });
    expect(cpuShares(now, { ...now, atMs: 2_000, cap: null }, 2)).toMatchObject({ used: 0, cap: 2, throttled: 0 });
  });
});
