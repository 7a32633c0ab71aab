/** A cascade told in observations: three replicas that move from node to node. */
import { describe, expect, it } from "vitest";
import type { PlacementSignal } from "../../probe-specs.ts";
import type { Mechanism, Observation } from "../../types.ts";
import { judgeMechanism } from "../mechanism.ts";
import type { PhaseWindows } from "../windows.ts";

const WINDOWS: PhaseWindows = {
  baseline: { beginMs: 0, endMs: 5_000, complete: true },
  fault: { beginMs: 5_000, endMs: 50_000, complete: true },
  recovery: { beginMs: 50_000, endMs: 60_000, complete: true },
  run: { beginMs: 0, endMs: 60_000, complete: true },
};
const node = (t: number, name: string, status = "True"): Observation => ({
  ...{ t, probe: "where", type: "node", node: name, condition: "Ready", status },
});
const placed = (t: number, pod: string, where: string | null, change: object = {}): Observation => ({
  ...{ t, probe: "where", type: "placed", pod, node: where, ready: true, ending: false, gone: false, pending: null },
  ...change,
});
const cpu = (t: number, name: string, byReplicas: number): Observation => ({
  ...{ t, probe: "where", type: "node-cpu", node: name, used: byReplicas + 0.05, byReplicas, cap: 0.5, throttled: 0 },
});
const PODS = ["a", "b", "c"];
const NODES = ["n1", "n2", "n3"].map((name) => node(-900, name));
const packed = PODS.map((pod) => placed(-800, pod, "n1"));
const spread = PODS.map((pod, i) => placed(-800, pod, `n${i + 1}`));
/** Of the pods on a node to others on another one, ten seconds after it went down. */
const moved = (t: number, from: readonly string[], to: readonly string[], where: string) => [
  ...from.map((pod) => placed(t + 5_000, pod, "n1", { ending: true, ready: false })),
  ...to.map((pod) => placed(t + 5_000, pod, null, { ready: false, pending: "no room yet" })),
  ...to.map((pod) => placed(t + 10_000, pod, where)),
];
const CASCADE = [
  ...NODES,
  ...packed,
  node(15_000, "n1", "Unknown"),
  ...moved(15_000, PODS, ["d", "e", "f"], "n2"),
  node(35_000, "n2", "Unknown"),
  ...moved(35_000, ["d", "e", "f"], ["g", "h", "i"], "n3"),
];

function judged(signal: PlacementSignal, objective: Partial<Mechanism>, observations: readonly Observation[]) {
  const mechanism: Mechanism = { name: "m", over: "where", role: "defect", minSamples: 3, signal, ...objective };
  const record = { requests: null, upstream: null, observations };
  return judgeMechanism(mechanism, { record, windows: WINDOWS, terminations: [], disturbed: true });
}

describe("cascade depth", () => {
  const depth = (observations: readonly Observation[]) => judged("cascade-depth", { atMost: 1 }, observations);
  it("counts the nodes that went down", () => {
    const result = depth(CASCADE);
    expect(result).toMatchObject({ verdict: "violated", value: 2, sampleCount: 3 });
    expect(result.because).toBe("2 of 3 nodes went down (n1 after 10 s, n2 after 30 s), wanted at most 1 node.");
  });
  it("counts one that goes down twice once, and none before the fault", () => {
    const twice = [node(10_000, "n1", "Unknown"), node(12_000, "n1"), node(14_000, "n1", "False")];
    expect(depth([...NODES, node(1_000, "n2", "False"), node(2_000, "n2"), ...twice])).toMatchObject({ value: 1 });
  });
  it("is none where none went down", () => {
    expect(depth([...NODES, ...spread])).toMatchObject({ verdict: "held", value: 0 });
    expect(depth([...NODES, ...spread]).because).toMatch(/^None of 3 nodes went down/);
  });
  it("is unknown without the nodes, or while the probe was blind", () => {
    expect(depth([])).toMatchObject({ verdict: "inconclusive", sampleCount: 0 });
    const gap: Observation = { t: 20_000, probe: "where", type: "gap", fromT: 17_000, why: "nodes: reset" };
    expect(depth([...NODES, ...spread, gap])).toMatchObject({
      verdict: "inconclusive",
      because: "The probe was blind for 3 s: nodes: reset.",
    });
  });
});

describe("largest share", () => {
  const share = (observations: readonly Observation[]) => judged("largest-share", { atMost: 0.67 }, observations);
  it("is that of the node that had the most", () => {
    expect(share([...NODES, ...packed])).toMatchObject({ verdict: "violated", value: 1 });
    expect(share([...NODES, ...packed]).because).toMatch(/^At the most n1 had 3 of 3 replicas/);
    expect(share([...NODES, ...spread])).toMatchObject({ verdict: "held", value: 1 / 3 });
  });
  it("looks at the fault phase, and counts no pod that ends", () => {
    const rolling = [placed(9_000, "a", "n1", { ending: true }), placed(9_500, "d", "n2")];
    expect(share([...NODES, ...spread, ...rolling])).toMatchObject({ value: 2 / 3 });
    const tidied = [placed(1_000, "b", "n2"), placed(1_000, "c", "n3")];
    expect(share([...NODES, ...packed, ...tidied])).toMatchObject({ value: 1 / 3 });
  });
});

describe("time to recover", () => {
  const time = (observations: readonly Observation[]) => judged("time-to-recover", { atMost: 15_000 }, observations);
  it("runs from the first node's end until nothing is missing any more", () => {
    expect(time(CASCADE)).toMatchObject({ verdict: "violated", value: 30_000 });
    expect(time(CASCADE).because).toMatch(/^All 3 replicas were back for good 30 s after n1 went down/);
  });
  it("is the whole rest where they never come back", () => {
    const result = time([...NODES, ...packed, node(15_000, "n1", "Unknown")]);
    expect(result).toMatchObject({ value: 45_000 });
    expect(result.because).toMatch(/at the end, replicas were still missing/);
  });
  it("is nothing where no node went down, whatever a rollout did", () => {
    const rolling = [placed(9_000, "a", "n1", { ending: true }), placed(12_000, "d", "n1")];
    expect(time([...NODES, ...spread, ...rolling])).toMatchObject({ verdict: "held", value: 0 });
  });
});

describe("demand of the replicas", () => {
  const demand = (perNode: number) =>
    judged("replica-demand", { role: "precondition", atLeast: 0.7, minSamples: 3 }, [
      ...[1_000, 2_000, 3_000].flatMap((t) => ["n1", "n2", "n3"].map((name) => cpu(t, name, perNode))),
      cpu(9_000, "n1", 5),
    ]);
  it("is what all use together before the fault, of one node's cap", () => {
    expect(demand(0.15)).toMatchObject({ verdict: "held", value: expect.closeTo(0.9), sampleCount: 3 });
    expect(demand(0.01)).toMatchObject({ verdict: "inconclusive", value: expect.closeTo(0.06) });
  });
});

describe("rollouts that hang", () => {
  const rollout = (hangs: string | null): Observation => ({
    ...{ t: 9_000, probe: "restart", type: "rollout", deployment: "cruncher", tookMs: 9_000, hangs },
  });
  const hung = (...observations: Observation[]) =>
    judged("hung-rollouts", { atMost: 0, minSamples: 1 }, [...NODES, ...spread, ...observations]);
  it("are told with their reason", () => {
    const result = hung(rollout("d is not scheduled: 0/4 nodes are available"));
    expect(result).toMatchObject({ verdict: "violated", value: 1, sampleCount: 1 });
    expect(result.because).toBe("1 of 1 rollout hangs: d is not scheduled: 0/4 nodes are available, wanted none.");
    expect(hung(rollout(null)).because).toBe("The rollout completed, wanted none.");
  });
  it("are none where none was begun", () => {
    expect(hung()).toMatchObject({ verdict: "held", because: "No rollout was begun." });
  });
});
