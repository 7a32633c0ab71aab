import { describe, expect, it } from "vitest";
import { seeded } from "../plan/random.ts";
import { fakeCluster } from "../testing/fake-cluster.ts";
import type { FaultContext } from "./fault.ts";
import { amount, chooseNodes, choosePods, targetProblems } from "./targets.ts";

const cluster = fakeCluster("fake");
for (const name of ["fake-control-plane", "fake-worker", "fake-worker2", "fake-worker3"]) {
  const labels = name.endsWith("plane") ? { "node-role.kubernetes.io/control-plane": "" } : {};
  cluster.put({ apiVersion: "v1", kind: "Node", metadata: { name, labels } });
}
for (const [i, ready] of ["True", "True", "True", "True", "False"].entries()) {
  cluster.put({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace: "shop", name: `pod-${i}`, uid: `u${i}` },
    spec: { nodeName: i < 2 ? "fake-worker" : "fake-worker2" },
    status: { podIP: `10.0.0.${i}`, conditions: [{ type: "Ready", status: ready }] },
  });
}
const context = (seed = 1): FaultContext => ({
  cluster: cluster.handle,
  namespace: "shop",
  faultId: "f",
  runId: "r",
  images: {},
  random: seeded(seed),
  signal: new AbortController().signal,
  budgetMs: 1_000,
  log: () => undefined,
  observe: () => undefined,
});
const pods = async (targets: object, seed?: number) =>
  (await choosePods(context(seed), { selector: "app=x", ...targets })).map((pod) => pod.name);

describe("pods", () => {
  it("are all ready ones unless a number is given", async () =>
    expect(await pods({})).toEqual(["pod-0", "pod-1", "pod-2", "pod-3"]));
  it("are chosen by the seed, the same each time", async () => {
    const chosen = await pods({ count: 2 }, 7);
    expect(chosen).toHaveLength(2);
    expect(await pods({ count: 2 }, 7)).toEqual(chosen);
    const all = await Promise.all(Array.from({ length: 20 }, (_, seed) => pods({ count: "25%" }, seed)));
    expect(new Set(all.flat()).size).toBe(4);
  });
  it("beyond the blast radius are refused", async () => {
    await expect(pods({ atMost: "50%" })).rejects.toThrow(/4 times .* at most 2 may be/);
    expect(await pods({ count: 2, atMost: "50%" })).toHaveLength(2);
  });
  it("that are none are an error, or skipped where that was asked for", async () => {
    await expect(pods({ namespace: "empty" })).rejects.toThrow(/would hit nothing/);
    expect(await pods({ namespace: "empty", emptyTargets: "skip" })).toEqual([]);
  });
});

describe("nodes", () => {
  const nodes = (targets: object) => chooseNodes(context(), targets);
  it("are workers, one at the most unless more may be", async () => {
    await expect(nodes({})).rejects.toThrow(/3 times a node would be hit, and at most 1/);
    expect(await nodes({ count: 1 })).toHaveLength(1);
    expect(await nodes({ atMost: 3 })).toEqual(["fake-worker", "fake-worker2", "fake-worker3"]);
  });
  it("are a control plane only by name", async () =>
    expect(await nodes({ names: ["control-plane"] })).toEqual(["fake-control-plane"]));
  it("that are not there are named with those that are", async () =>
    expect(nodes({ names: ["worker9"] })).rejects.toThrow(/no node worker9/));
  it("can be those that host pods", async () =>
    expect(await nodes({ hosting: "app=x", atMost: 2 })).toEqual(["fake-worker", "fake-worker2"]));
});

describe("what a spec says", () => {
  it("has all its mistakes told", () =>
    expect(targetProblems("pods", { selector: "", count: 0, atMost: "101%" }).map(({ path }) => path)).toEqual([
      "pods.selector",
      "pods.count",
      "pods.atMost",
    ]));
  it("rounds shares up", () => expect([amount("1%", 3), amount("50%", 3), amount(2, 3)]).toEqual([1, 2, 2]));
});
