/** The pure parts of node.overload-crash, and its watch with files and an engine of our own. */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { exec } from "../../cluster/exec.ts";
import { faultOf } from "../index.ts";
import { usualMaxDown } from "./max-down.ts";
import { downLines, seenLines, watchScript } from "./watch.ts";

describe("what a spec may say", () => {
  const right = { kind: "node.overload-crash", targets: {}, threshold: 95, for: "10s" } as const;
  const paths = (change: object) =>
    faultOf("node.overload-crash")
      .validate({ ...right, ...change } as never)
      .map(({ path }) => path);
  it("all mistakes at once", () => {
    expect(paths({})).toEqual([]);
    expect(paths({ targets: undefined, threshold: 100, for: "0.5s", maxDown: 0 })).toEqual([
      "targets",
      "threshold",
      "for",
      "maxDown",
    ]);
    expect([paths({ for: -1 }), paths({ threshold: 49 }), paths({ maxDown: 1.5 })]).toEqual([
      ["for"],
      ["threshold"],
      ["maxDown"],
    ]);
  });
});

describe("how many may be down", () => {
  it("never more than two, never 55 % of the nodes, and one at least", () => {
    expect([2, 3, 4, 5, 20].map(usualMaxDown)).toEqual([1, 1, 2, 2, 2]);
  });
});

describe("the watch", { timeout: 60_000 }, () => {
  let folder: string;
  const ended: (() => void)[] = [];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "faultline-watch-"));
    const engine = join(folder, "docker");
    writeFileSync(engine, `#!/bin/sh\necho "$*" >> ${folder}/engine\n`);
    chmodSync(engine, 0o755);
    writeFileSync(join(folder, "quota"), "40000 100000\n");
  });
  afterEach(() => {
    for (const end of ended.splice(0)) end();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Nodes that use so many CPUs; the counter is of version 2 for the first, of version 1 for the others. */
  async function watch(cpus: readonly number[], seconds: number, maxDown: number): Promise<string[]> {
    const perMs = (i: number) => (i === 0 ? 1_000 : 1_000_000);
    const nodes = cpus.map((_, i) => ({
      name: `worker${i}`,
      container: `container${i}`,
      files: { usage: join(folder, `usage${i}`), perMs: perMs(i), quota: join(folder, "quota") },
    }));
    const began = performance.now();
    const count = () => {
      const ms = performance.now() - began + 1_000;
      for (const [i, used] of cpus.entries()) {
        const text = `${i === 0 ? "usage_usec " : ""}${Math.round(ms * used * perMs(i))}\n`;
        writeFileSync(join(folder, `usage${i}`), text);
      }
    };
    count();
    const timer = setInterval(count, 10);
    ended.push(() => clearInterval(timer));
    writeFileSync(
      join(folder, "watch.sh"),
      watchScript(nodes, { threshold: 60, forMs: 1_000, maxDown, processors: 8 }),
    );
    const turns = `set -- ${folder}; i=0; while [ $i -lt ${seconds * 10} ]; do . "$1/watch.sh"; i=$((i + 1)); sleep 0.1; done`;
    await exec("sh", ["-c", turns], { timeoutMs: 60_000, env: { PATH: `${folder}:${process.env.PATH}` } });
    const engine = join(folder, "engine");
    return existsSync(engine) ? readFileSync(engine, "utf8").trim().split("\n") : [];
  }

  it("takes a node down once when it has used most of its cap for long enough, and leaves the others", async () => {
    expect(await watch([0.39, 0.1], 4, 2)).toEqual(["pause container0"]);
    const downs = downLines(readFileSync(join(folder, "downs"), "utf8"));
    expect(downs).toMatchObject([{ node: "worker0" }]);
    expect(downs[0]?.percent).toBeGreaterThanOrEqual(60);
    expect(downs[0]?.lastedMs).toBeGreaterThanOrEqual(1_000);
    const seen = seenLines(readFileSync(join(folder, "seen"), "utf8"));
    expect(seen).toMatchObject([{ node: "worker1", usedUs: expect.any(Number) }]);
    expect(seen[0]?.percent).toBeLessThan(60);
  });
  it("takes no more down than it may", async () => {
    expect(await watch([0.1, 0.39, 0.39], 4, 1)).toHaveLength(1);
  });
  it("says nothing before its first look", () => {
    expect([seenLines(null), downLines(null), seenLines("\n"), downLines("1 2")]).toEqual([[], [], [], []]);
  });
});
