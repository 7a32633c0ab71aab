/** The pure parts of faults on nodes, and the script that the engine's client is called from, with a client of our own. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exec } from "../../cluster/exec.ts";
import { faultOf } from "../index.ts";
import { callsFor, expectedMs } from "../kubelet/limits.ts";
import { isEvictable, isUnmanaged } from "./drain.ts";
import { evidenceOf } from "./findings.ts";
import { whenIn } from "./machine.ts";

describe("evidence of several targets", () => {
  const one = { name: "a", inEffect: true, saw: "is down", values: { ms: 1 } };
  const two = { name: "b", inEffect: false, saw: "is up", values: { ms: 2 } };
  it("promises all of them, and is clean only when none is left", () => {
    expect(evidenceOf([one, two], "all").effective).toBe(false);
    expect(evidenceOf([one, two], "any").effective).toBe(true);
    expect(evidenceOf([one], "all")).toEqual({
      effective: true,
      because: "a: is down",
      values: { targets: 1, inEffect: 1, ms: 1 },
    });
    expect(evidenceOf([one, two], "all").values).toEqual({ targets: 2, inEffect: 1, "a.ms": 1, "b.ms": 2 });
  });
  it("says so when there was nothing to hit", () => {
    expect(evidenceOf([], "all")).toMatchObject({ effective: true, because: expect.stringContaining("no target") });
  });
});

describe.each(["node.freeze", "node.crash", "node.kubelet-stop"] as const)("%s", (kind) => {
  const paths = (targets: unknown) =>
    faultOf(kind)
      .validate({ kind, targets } as never)
      .map(({ path }) => path);
  it("names all mistakes in its targets", () => {
    expect(paths({ count: 1 })).toEqual([]);
    expect(paths(undefined)).toEqual(["targets"]);
    expect(paths({ count: 0, atMost: "101%" })).toEqual(["targets.count", "targets.atMost"]);
  });
});

describe("node.kubelet-throttle", () => {
  const paths = (spec: object) =>
    faultOf("node.kubelet-throttle")
      .validate({ kind: "node.kubelet-throttle", targets: { count: 1 }, qps: 5, burst: 10, ...spec } as never)
      .map(({ path }) => path);
  it("names all mistakes: no rate that cannot be told from the default, no burst below the rate", () => {
    expect(paths({})).toEqual([]);
    expect(paths({ targets: undefined, qps: 0, burst: 1.5 })).toEqual(["targets", "qps", "burst"]);
    expect([paths({ qps: 26, burst: 101 }), paths({ qps: 5, burst: 4 }), paths({ qps: "5" })]).toEqual([
      ["qps", "burst"],
      ["burst"],
      ["qps"],
    ]);
  });
  it("makes as many calls as must wait for a second and a half", () => {
    expect([callsFor({ qps: 5, burst: 10 }), expectedMs({ qps: 5, burst: 10 })]).toEqual([18, 1_600]);
    expect([callsFor({ qps: 1, burst: 1 }), expectedMs({ qps: 1, burst: 1 })]).toEqual([3, 2_000]);
  });
});

describe("node.drain and node.reboot", () => {
  const paths = (spec: { readonly kind: "node.drain" | "node.reboot"; readonly [key: string]: unknown }) => {
    return faultOf(spec.kind)
      .validate({ targets: { count: 1 }, ...spec } as never)
      .map(({ path }) => path);
  };
  it("name all mistakes at once", () => {
    expect(paths({ kind: "node.drain" })).toEqual([]);
    expect(paths({ kind: "node.drain", targets: null, within: "0s", evictUnmanaged: 1 })).toEqual([
      "targets",
      "within",
      "evictUnmanaged",
    ]);
    expect([paths({ kind: "node.reboot", grace: "0s" }), paths({ kind: "node.reboot", grace: "31s" })]).toEqual([
      [],
      ["grace"],
    ]);
    expect(paths({ kind: "node.reboot", targets: 1, grace: "-1s" })).toEqual(["targets", "grace"]);
  });

  const pod = (metadata: object, phase = "Running") => ({
    metadata: { namespace: "a", ...metadata },
    status: { phase },
  });
  it("evicts what an operator would evict", () => {
    const replicaSet = { ownerReferences: [{ kind: "ReplicaSet" }] };
    expect([isEvictable(pod(replicaSet)), isEvictable(pod({}))]).toEqual([true, true]);
    const kept = [
      pod({ ownerReferences: [{ kind: "DaemonSet" }] }),
      pod({ annotations: { "kubernetes.io/config.mirror": "x" } }),
      pod({ annotations: { "kubernetes.io/config.source": "file" } }),
      pod({ ...replicaSet, namespace: "faultline-system" }),
      pod({ ...replicaSet, labels: { "faultline.dev/fault": "faultline-churn-0" } }),
      pod(replicaSet, "Succeeded"),
    ];
    expect(kept.map(isEvictable)).toEqual(kept.map(() => false));
    expect([isUnmanaged(pod({})), isUnmanaged(pod(replicaSet))]).toEqual([true, false]);
  });
});

describe("the script for the engine", () => {
  const machine = (container: string) => ({ name: container, container, address: "", process: "", host: "" });
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "faultline-docker-"));
    const client = `#!/bin/sh
if [ "$1" = container ]; then
  for last; do :; done
  case $last in
    gone) echo "Error response from daemon: No such container: gone" >&2; exit 1 ;;
    silent) echo "Cannot connect to the Docker daemon" >&2; exit 1 ;;
    busy) echo exited ;;
    *) echo "$last" ;;
  esac
  exit
fi
echo "$@" >> ${folder}/calls
[ "$2" != busy ] || [ "$(wc -l < ${folder}/calls)" -ge 2 ]`;
    writeFileSync(join(folder, "docker"), client);
    chmodSync(join(folder, "docker"), 0o755);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function run(states: string, containers: readonly string[]) {
    writeFileSync(join(folder, "calls"), "");
    const env = { PATH: `${folder}:${process.env.PATH}` };
    const script = whenIn(states, containers.map(machine), "start");
    const { exitCode } = await exec("sh", ["-c", script], { timeoutMs: 10_000, accept: "any", env });
    return [exitCode, readFileSync(join(folder, "calls"), "utf8")];
  }
  it("acts on those in the state alone, and a container that is gone is no failure", async () => {
    expect(await run("exited|created", ["running", "exited", "gone", "created"])).toEqual([
      0,
      "start exited\nstart created\n",
    ]);
  });
  it("asks again when the engine fails at first", async () => {
    expect(await run("exited", ["busy"])).toEqual([0, "start busy\nstart busy\n"]);
  });
  it("goes on after one that fails, and fails in the end", async () => {
    expect(await run("exited", ["silent", "exited"])).toEqual([1, "start exited\n"]);
  });
});
