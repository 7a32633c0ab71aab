/** Signals of a cascade: where the replicas were, which nodes went down, and how long it took to get over it. */
import type { PlacementSignal } from "../../probe-specs.ts";
import { downsWithin, type Placement, placementOf, stepsWithin, wantedReplicas } from "../placement.ts";
import { median } from "../statistics.ts";
import { type Window, within } from "../windows.ts";
import { count, counted, milliseconds, percent } from "../words.ts";
import type { Measured, SignalInput, SignalKind } from "./signal.ts";

const NOTHING: Measured = { samples: 0, value: Number.NaN, words: "The probe saw nothing" };

export const placementSignals: Readonly<Record<PlacementSignal, SignalKind>> = {
  "cascade-depth": {
    ...{ unit: "nodes", sample: "node", amount: (value) => counted(value, "node") },
    measure: inFaultPhase(cascadeDepth),
    doubt: blindness,
  },
  "largest-share": {
    ...{ unit: "ratio", sample: "replica", amount: percent },
    measure: inFaultPhase(largestShare),
    doubt: blindness,
  },
  "time-to-recover": {
    ...{ unit: "ms", sample: "replica", amount: milliseconds },
    measure: inFaultPhase(timeToRecover),
    doubt: blindness,
  },
  "replica-demand": {
    ...{ unit: "ratio", sample: "second", amount: percent },
    measure: ({ record, windows }, over) =>
      windows.baseline === null ? NOTHING : replicaDemand(placementOf(over, record), windows.baseline),
  },
  "hung-rollouts": {
    ...{ unit: "rollouts", sample: "rollout", amount: (value) => counted(value, "rollout") },
    measure: hungRollouts,
    idle: ({ record }) => (record.observations.some(({ type }) => type === "rollout") ? null : "No rollout was begun."),
  },
};

function inFaultPhase(
  measure: (placement: Placement, fault: Window, input: SignalInput) => Measured,
): SignalKind["measure"] {
  return (input, over) =>
    input.windows.fault === null ? NOTHING : measure(placementOf(over, input.record), input.windows.fault, input);
}

/** While a watch was blind a node may have gone down and come back. */
function blindness({ record, windows }: SignalInput, over: string): string | null {
  const gap = record.observations.find(
    (o) => o.type === "gap" && o.probe === over && windows.fault !== null && within(windows.fault, o.t),
  );
  return gap?.type === "gap" ? `The probe was blind for ${milliseconds(gap.t - gap.fromT)}: ${gap.why}.` : null;
}

/** Distinct ones: a node that goes down twice is one node. */
function cascadeDepth(placement: Placement, fault: Window): Measured {
  const downs = downsWithin(placement, fault);
  const names = [...new Set(downs.map(({ node }) => node))];
  const after = names.map((name) => {
    const at = downs.find(({ node }) => node === name)?.fromMs ?? fault.beginMs;
    return `${name} after ${milliseconds(at - fault.beginMs)}`;
  });
  const all = counted(placement.nodes.length, "node");
  const words =
    names.length === 0
      ? `None of ${all} went down`
      : `${count(names.length)} of ${all} went down (${after.join(", ")})`;
  return { samples: placement.nodes.length, value: names.length, words };
}

function largestShare(placement: Placement, fault: Window): Measured {
  const wanted = wantedReplicas(placement, fault);
  let most = { node: "", replicas: 0 };
  for (const { onNode } of stepsWithin(placement, fault)) {
    for (const [node, replicas] of onNode) if (replicas > most.replicas) most = { node, replicas };
  }
  // With a surge there may be more than are wanted.
  const value = wanted === 0 ? 0 : Math.min(1, most.replicas / wanted);
  const words = `At the most ${most.node || "no node"} had ${count(most.replicas)} of ${counted(wanted, "replica")}`;
  return { samples: wanted, value, words };
}

/** To the last instant, recovery included, at which a replica was missing. */
function timeToRecover(placement: Placement, fault: Window, { windows }: SignalInput): Measured {
  const wanted = wantedReplicas(placement, fault);
  const [first] = downsWithin(placement, fault);
  if (first === undefined) return { samples: wanted, value: 0, words: "No node went down, so nothing had to recover" };
  const window = { ...fault, beginMs: first.fromMs, endMs: windows.run?.endMs ?? fault.endMs };
  const steps = stepsWithin(placement, window);
  const lastMissing = steps.findLastIndex(({ ready }) => ready < wanted);
  const wellMs = lastMissing === -1 ? first.fromMs : steps[lastMissing + 1]?.t;
  const value = (wellMs ?? window.endMs) - first.fromMs;
  const words =
    wellMs === undefined
      ? `${milliseconds(value)} after ${first.node} went down, at the end, replicas were still missing`
      : `All ${counted(wanted, "replica")} were back for good ${milliseconds(value)} after ${first.node} went down`;
  return { samples: wanted, value, words };
}

/** The median over the seconds before any fault, of one node's cap: above 1 they cannot all run on one. */
function replicaDemand({ cpu }: Placement, baseline: Window): Measured {
  const seconds = new Map<number, { used: number; cap: number }>();
  for (const { t, byReplicas, cap } of cpu) {
    if (!within(baseline, t)) continue;
    const second = seconds.get(t) ?? { used: 0, cap };
    seconds.set(t, { used: second.used + byReplicas, cap: Math.min(second.cap, cap) });
  }
  const shares = [...seconds.values()].map(({ used, cap }) => used / cap);
  const value = median(shares);
  const words = `All replicas together used ${percent(value)} of one node's CPU time before the fault (median of ${counted(shares.length, "second")})`;
  return { samples: shares.length, value, words };
}

function hungRollouts({ record }: SignalInput): Measured {
  const rollouts = record.observations.flatMap((o) => (o.type === "rollout" ? [o] : []));
  const hung = rollouts.filter(({ hangs }) => hangs !== null);
  const [first] = hung;
  const all = counted(rollouts.length, "rollout");
  const words =
    first === undefined
      ? `${rollouts.length === 1 ? "The rollout" : `All ${all}`} completed`
      : `${count(hung.length)} of ${all} hangs: ${first.hangs}`;
  return { samples: rollouts.length, value: hung.length, words };
}
