/** The pure parts of node.cpu-saturation, and its shell on trees of files that look like the kernel's. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exec } from "../../cluster/exec.ts";
import { faultOf } from "../index.ts";
import { cgroupShell } from "./cgroups.ts";
import { describeLook, withinBand } from "./findings.ts";
import type { Look } from "./look.ts";
import { cpusOf, type Reading, timeInBand } from "./usage.ts";

/** Half a CPU as a quota gives it out: 50 ms at the start of every 100 ms. */
const staircase = (fromMs: number, toMs: number): Reading[] =>
  Array.from({ length: Math.floor((toMs - fromMs) / 20) }, (_, i) => {
    const atMs = fromMs + i * 20;
    return { atMs, usedMs: Math.floor(atMs / 100) * 50 + Math.min(50, atMs % 100) };
  });
const steady = (cpus: number, seconds: number): Reading[] =>
  Array.from({ length: seconds * 5 + 1 }, (_, i) => ({ atMs: i * 200, usedMs: i * 200 * cpus }));

describe("what a spec may say", () => {
  const right = { kind: "node.cpu-saturation", targets: { count: 1 }, percent: 90 } as const;
  const paths = (change: object) =>
    faultOf("node.cpu-saturation")
      .validate({ ...right, ...change } as never)
      .map(({ path }) => path);
  it("all mistakes at once", () => {
    expect(paths({})).toEqual([]);
    expect(paths({ percent: 100, cap: 0.25, requestMilliCpus: 10 })).toEqual([]);
    expect(paths({ targets: { count: 0 }, percent: 101, cap: 0.1, requestMilliCpus: 1.5 })).toEqual([
      "targets.count",
      "percent",
      "cap",
      "requestMilliCpus",
    ]);
    expect([
      paths({ percent: 0 }),
      paths({ percent: "90" }),
      paths({ percent: undefined }),
      paths({ cap: "1" }),
    ]).toEqual([["percent"], ["percent"], ["percent"], ["cap"]]);
  });
});

describe("CPUs in use", () => {
  it("are found between the steps of a quota", () => {
    for (const from of [0, 20, 50, 90]) expect(Math.abs(cpusOf(staircase(from, from + 600)) - 0.5)).toBeLessThan(0.03);
  });
  it("are none without readings", () => expect([cpusOf([]), cpusOf([{ atMs: 1, usedMs: 1 }])]).toEqual([0, 0]));
});

describe("time in the band", () => {
  it("counts once the node had time to get there", () => {
    expect(timeInBand([], 1, 90)).toEqual({ seconds: 0, percent: 0, mean: 0 });
    expect(timeInBand(steady(0.9, 2), 1, 90).seconds).toBe(0);
    expect(timeInBand(steady(0.9, 12), 1, 90)).toMatchObject({ percent: 100, mean: expect.closeTo(90) });
  });
  it("is measured on the node's own capacity", () => {
    expect(timeInBand(steady(0.36, 12), 0.4, 90)).toMatchObject({ percent: 100, mean: expect.closeTo(90) });
    expect(timeInBand(steady(0.36, 12), 2, 90)).toMatchObject({ percent: 0, mean: expect.closeTo(18) });
  });
  it("leaves out what was not in it", () => {
    const first = steady(0.9, 12);
    const last = first.at(-1) as Reading;
    const after = steady(0.5, 10).map(({ atMs, usedMs }) => ({
      atMs: last.atMs + atMs + 200,
      usedMs: last.usedMs + 180 + usedMs,
    }));
    const { percent } = timeInBand([...first, ...after], 1, 90);
    expect(percent).toBeGreaterThan(45);
    expect(percent).toBeLessThan(60);
  });
});

describe("what a look says", () => {
  const look: Look = {
    there: true,
    percent: 88.2,
    userPercent: 80,
    systemPercent: 8.2,
    stalledPercent: 70,
    throttledPercent: 12,
    cap: 0.4,
    canaryMs: 60,
    canaryBeforeMs: 20,
    machineIdlePercent: 40,
    samples: [],
  };
  it("is in effect within five points, while the fault runs, and was mostly so", () => {
    expect(withinBand(look, 90, 0.4)).toBe(true);
    expect(withinBand({ ...look, there: false }, 90, 0.4)).toBe(false);
    expect([withinBand(look, 94, 0.4), withinBand(look, 80, 0.4)]).toEqual([false, false]);
    expect(withinBand({ ...look, samples: steady(0.1, 20) }, 90, 0.4)).toBe(false);
  });
  it("names the numbers, and the machine where that is the reason", () => {
    expect(describeLook(look, 90, 0.4).saw).toBe(
      "88.2 % of its 0.4 CPUs in use (user 80, system 8.2; asked for 90), some process waited for a CPU 70 % of the time, at its cap in 12 % of the periods, a canary took 60 ms, and 20 ms before",
    );
    expect(describeLook({ ...look, percent: 50, machineIdlePercent: 1 }, 90, 0.4).saw).toContain("no more to give");
  });
});

describe("groups as a node shows them", () => {
  const roots: string[] = [];
  const tree = (files: Readonly<Record<string, string>>) => {
    const root = mkdtempSync(join(tmpdir(), "faultline-cgroups-"));
    roots.push(root);
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(root, path, ".."), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    return root;
  };
  afterAll(() => {
    for (const root of roots) rmSync(root, { recursive: true, force: true });
  });
  const run = async (root: string, script: string) =>
    (await exec("bash", ["-c", `${cgroupShell(root)}\n${script}`], { timeoutMs: 20_000 })).stdout;

  let one: string;
  let two: string;
  beforeAll(() => {
    one = tree({
      "cpu/cpu.stat": "nr_periods 7\nnr_throttled 3\nthrottled_time 100\n",
      "cpu/cpu.cfs_quota_us": "-1\n",
      "cpu/cpu.cfs_period_us": "100000\n",
      "cpu/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/x": "",
      "cpuacct/cpuacct.usage": "5000000\n",
      "cpuacct/cpuacct.usage_user": "3000000\n",
      "cpuacct/cpuacct.usage_sys": "2000000\n",
    });
    two = tree({
      "cgroup.controllers": "cpu\n",
      "cpu.stat": "usage_usec 5000\nuser_usec 3000\nsystem_usec 2000\nnr_periods 7\nnr_throttled 3\nthrottled_usec 1\n",
      "cpu.max": "40000 100000\n",
      "kubepods/x": "",
    });
  });
  const COUNT = 'counters ""; limits ""; echo "$PODS $USED $USER_US $SYSTEM_US $PERIODS $THROTTLED $QUOTA $PERIOD"';

  it("version 1 with systemd's names, version 2 with plain ones", async () => {
    expect(await run(one, COUNT)).toBe("/kubelet.slice/kubelet-kubepods.slice 5000 3000 2000 7 3 -1 100000");
    expect(await run(two, COUNT)).toBe("/kubepods 5000 3000 2000 7 3 40000 100000");
  });
  it("limits and weights are written as each version wants them", async () => {
    expect(
      await run(one, 'limit "" 4000 20000; weigh "" 1024; limits ""; echo "$QUOTA $PERIOD $(cat $CPU/cpu.shares)"'),
    ).toBe("4000 20000 1024");
    expect(
      await run(two, 'limit "" 4000 20000; weigh "" 1024; echo "$(cat $CPU/cpu.max) $(cat $CPU/cpu.weight)"'),
    ).toBe("4000 20000 39");
  });
  it("a node without pods has no group of them, and what is not there is removed already", async () => {
    expect(await run(tree({ "cpu/x": "" }), 'echo "<$PODS>"; remove /faultline-cpu-x && echo gone')).toBe("<>\ngone");
  });
});
