import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { faultOf } from "../index.ts";
import { diskLookIn } from "./look.ts";
import { COUNT, throttleShell } from "./throttle.ts";

const bash = async (root: string, script: string) =>
  (await promisify(execFile)("bash", ["-c", `${throttleShell("254:0", root)}\n${script}`])).stdout.trim();

describe("the limits of a node's groups", () => {
  const PODS = "kubelet.slice/kubelet-kubepods.slice";
  const FILE = "blkio.throttle.write_iops_device";
  const groups = [`${PODS}/pod1/c1`, `${PODS}/burstable/pod2/c2`, "system.slice"];
  let root = "";
  const limitOf = async (group: string) => readFile(join(root, "blkio", group, FILE), "utf8");
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "faultline-io-"));
    await mkdir(join(root, "cpu", PODS), { recursive: true });
    for (const group of groups) {
      await mkdir(join(root, "blkio", group), { recursive: true });
      await writeFile(join(root, "blkio", group, FILE), "");
    }
  });
  afterAll(async () => rm(root, { recursive: true, force: true }));

  it("are set for what is a pod's, and for nothing else", async () => {
    await bash(root, "each set_limit 20");
    expect(await Promise.all(groups.map(limitOf))).toEqual(["254:0 20\n", "254:0 20\n", ""]);
    expect(await bash(root, `${COUNT}\necho $GROUPS_LIMITED/$GROUPS_ALL`)).toBe("2/2");
  });
  it("another device's limit is none of this fault's", async () => {
    await writeFile(join(root, "blkio", groups[0] as string, FILE), "8:0 5\n");
    expect(await bash(root, `${COUNT}\necho $GROUPS_LIMITED/$GROUPS_ALL`)).toBe("1/2");
  });
  it("a node without pods has none", async () => {
    expect(await bash("/nonexistent", `each set_limit 20\n${COUNT}\necho $GROUPS_LIMITED/$GROUPS_ALL`)).toBe("0/0");
  });
});

describe("what a look found", () => {
  it("is writes a second of each canary, and the time in which something waited", () => {
    const output = "tookUs=1000000\ntookUs=500000\ngroups=9\nlimited=8\nstalled=873\n";
    expect(diskLookIn(output, 10)).toEqual({ groups: 9, limited: 8, rates: [10, 20], stalledPercent: 87.3 });
  });
  it("may be nothing", () =>
    expect(diskLookIn("", 10)).toEqual({ groups: 0, limited: 0, rates: [], stalledPercent: null }));
});

describe("what the fault says of its spec", () => {
  const problems = (change: object) =>
    faultOf("node.io-saturation")
      .validate({ kind: "node.io-saturation", targets: { count: 1 }, iops: 20, ...change } as never)
      .map(({ path }) => path);
  it("all mistakes at once", () => {
    expect(problems({})).toEqual([]);
    expect(problems({ targets: { atMost: "101%" }, iops: 4 })).toEqual(["targets.atMost", "iops"]);
  });
  it.each([101, 7.5, "20", -5, undefined])("%s writes a second are wrong", (iops) =>
    expect(problems({ iops })).toEqual(["iops"]),
  );
});
