/**
 * The record of a cascade, on the plan and the traffic of the synthetic run: an arm whose replicas move from node to node,
 * one in which they stay apart, one whose rollout hangs. For the tests of reports alone.
 */
import type { ArmRecord, Mechanism, Observation, RunRecord } from "../types.ts";
import { phaseWindows } from "../verdict/windows.ts";
import { syntheticRun } from "./synthetic-run.ts";

const PROBE = "replicas";
const NODES = ["faultline-5f2c-worker", "faultline-5f2c-worker2", "faultline-5f2c-worker3"] as const;
const CAP = 0.5;
/** Between a node's end and its replicas' start on the next one. ms */
const NOTICED_MS = 11_000;
const MOVED_MS = 18_000;

const MECHANISMS: readonly Mechanism[] = [
  { name: "one node at the most goes down", signal: "cascade-depth", role: "defect", atMost: 1 },
  { name: "no node has all replicas", signal: "largest-share", role: "defect", atMost: 0.67 },
  { name: "the replicas are soon back", signal: "time-to-recover", role: "defect", atMost: 20_000 },
  { name: "the replicas are hungry", signal: "replica-demand", role: "precondition", atLeast: 0.7 },
].map((one) => ({ ...one, over: PROBE, minSamples: 3 }) as Mechanism);

/** Arms: control (together, without fault), vulnerable (a cascade), fixed-prestop (apart), wrong-fix-grace (it hangs). */
export function syntheticCascade(): RunRecord {
  const names = ["control", "vulnerable", "fixed-prestop", "wrong-fix-grace"];
  const run = syntheticRun({ arms: names, terminations: 10, ratePerSecond: 25 });
  const plan = { ...run.plan, probes: { [PROBE]: { kind: "placement", selector: "app=hot" } }, mechanisms: MECHANISMS };
  const arms = Object.fromEntries(names.map((name) => [name, withCascade(run, name)]));
  return { ...run, plan: plan as RunRecord["plan"], arms };
}

function withCascade(run: RunRecord, arm: string): ArmRecord {
  const { run: whole, fault } = phaseWindows(run, arm);
  const from = fault?.beginMs ?? 0;
  const downs = arm === "vulnerable" ? [from + 5_000, from + 5_000 + MOVED_MS + 6_000] : [];
  const apart = arm === "fixed-prestop" || arm === "wrong-fix-grace";
  const begin = (whole?.beginMs ?? 0) - 2_000;
  const observations = [
    ...NODES.flatMap((node, i) => nodeLife(node, begin, downs[i], whole?.endMs ?? 0)),
    ...[0, 1, 2].flatMap((i) => placed(begin, `hot-${i}`, NODES[apart ? i : 0] ?? NODES[0])),
    ...downs.flatMap((at, step) => moves(at, step)),
    ...(arm === "wrong-fix-grace" ? hanging(from + 2_000) : []),
    ...cpuOf(begin, whole?.endMs ?? 0, downs, apart),
  ];
  const record = run.arms[arm] as ArmRecord;
  return { ...record, upstream: null, observations: observations.sort((a, b) => a.t - b.t) };
}

function nodeLife(node: string, begin: number, downAt: number | undefined, end: number): readonly Observation[] {
  const state = (t: number, status: string): Observation => ({
    ...{ t, probe: PROBE, type: "node", node, condition: "Ready", status },
  });
  if (downAt === undefined) return [state(begin, "True")];
  return [state(begin, "True"), state(downAt + NOTICED_MS, "Unknown"), state(end - 8_000, "True")];
}

function placed(t: number, pod: string, node: string | null, change: object = {}): readonly Observation[] {
  const usual = { ready: node !== null, ending: false, gone: false, pending: null };
  return [{ t, probe: PROBE, type: "placed", pod, node, ...usual, ...change }];
}

function moves(downAt: number, step: number): readonly Observation[] {
  const [from = null, to = null] = [NODES[step], NODES[step + 1]];
  return [0, 1, 2].flatMap((i) => [
    ...placed(downAt + MOVED_MS - 3_000, `hot-${3 * step + i}`, from, { ending: true, ready: false }),
    ...placed(downAt + MOVED_MS - 2_900, `hot-${3 * step + 3 + i}`, to, { ready: false }),
    ...placed(downAt + MOVED_MS + i * 300, `hot-${3 * step + 3 + i}`, to),
  ]);
}

function hanging(t: number): readonly Observation[] {
  const why = "0/4 nodes are available: 3 node(s) didn't match pod anti-affinity rules";
  return [
    ...placed(t, "hot-9", null, { pending: why }),
    { t: t + 10_000, probe: "restart", type: "rollout", deployment: "hot", tookMs: 10_000, hangs: `hot-9: ${why}` },
    ...placed(t + 11_000, "hot-9", null, { ending: true, gone: true }),
  ];
}

function cpuOf(begin: number, end: number, downs: readonly number[], apart: boolean): readonly Observation[] {
  const seconds = Array.from({ length: Math.floor((end - begin) / 1_000) }, (_, i) => begin + i * 1_000);
  return seconds.flatMap((t) =>
    NODES.map((node, i): Observation => {
      const isDown = (downs[i] ?? Number.POSITIVE_INFINITY) < t;
      const arrivedMs = i === 0 ? begin : (downs[i - 1] ?? Number.POSITIVE_INFINITY) + MOVED_MS;
      const byReplicas = isDown ? 0 : apart ? 0.15 : t >= arrivedMs ? 0.43 : 0;
      const used = isDown ? 0 : byReplicas + 0.06;
      const throttled = byReplicas > 0.4 ? 0.97 : 0.02;
      return { t, probe: PROBE, type: "node-cpu", node, used, byReplicas, cap: CAP, throttled };
    }),
  );
}
