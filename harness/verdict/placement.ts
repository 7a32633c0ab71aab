/** Where the replicas of a workload were, instant for instant, and what became of the nodes: from a `placement` probe. */
import type { ArmRecord, Observation } from "../types.ts";
import { type Window, within } from "./windows.ts";

/** What holds from `t` until the next one. */
export interface PlacementStep {
  readonly t: number;
  /** Replicas that have a node and of which no deletion was asked, by node. */
  readonly onNode: ReadonlyMap<string, number>;
  /** Of those, ready on a node that is up. */
  readonly ready: number;
  /** Without a node: the pod and the scheduler's reason. */
  readonly pending: readonly { readonly pod: string; readonly why: string }[];
}
/** A node that was not Ready. */
export interface NodeDown {
  readonly node: string;
  readonly fromMs: number;
  /** null: it stayed so until the record's end. */
  readonly toMs: number | null;
}
export type CpuReading = Observation & { readonly type: "node-cpu" };

export interface Placement {
  /** Those that replicas may run on, as the probe saw them; by name. */
  readonly nodes: readonly string[];
  readonly steps: readonly PlacementStep[];
  readonly downs: readonly NodeDown[];
  readonly cpu: readonly CpuReading[];
}

type Placed = Observation & { readonly type: "placed" };
type NodeSeen = Observation & { readonly type: "node" };

export function placementOf(probe: string, record: Pick<ArmRecord, "observations">): Placement {
  const own = record.observations.filter((o) => o.probe === probe).sort((a, b) => a.t - b.t);
  const nodesSeen = own.filter((o): o is NodeSeen => o.type === "node");
  return {
    nodes: [...new Set(nodesSeen.map(({ node }) => node))].sort(),
    steps: stepsOf(own),
    downs: downsOf(nodesSeen),
    cpu: own.filter((o): o is CpuReading => o.type === "node-cpu"),
  };
}

/** Steps of a window, the one in force at its begin included with that time. */
export function stepsWithin({ steps }: Placement, window: Window): readonly PlacementStep[] {
  const before = steps.findLast(({ t }) => t <= window.beginMs);
  const first = before === undefined ? [] : [{ ...before, t: window.beginMs }];
  return [...first, ...steps.filter(({ t }) => t > window.beginMs && t < window.endMs)];
}

export function downsWithin({ downs }: Placement, window: Window): readonly NodeDown[] {
  return downs.filter(({ fromMs }) => within(window, fromMs));
}

/** How many there are while all is well: the most that were ready before the window. */
export function wantedReplicas({ steps }: Placement, window: Window): number {
  return Math.max(0, ...steps.filter(({ t }) => t <= window.beginMs).map(({ ready }) => ready));
}

function stepsOf(observations: readonly Observation[]): readonly PlacementStep[] {
  const pods = new Map<string, Placed>();
  const down = new Set<string>();
  const steps: PlacementStep[] = [];
  for (const o of observations) {
    if (o.type === "placed" && o.gone) pods.delete(o.pod);
    else if (o.type === "placed") pods.set(o.pod, o);
    else if (o.type === "node" && o.status === "True") down.delete(o.node);
    else if (o.type === "node") down.add(o.node);
    else continue;
    const step = stepAt(o.t, [...pods.values()], down);
    // Several changes of one instant are one step.
    if (steps.at(-1)?.t === o.t) steps.pop();
    steps.push(step);
  }
  return steps;
}

function stepAt(t: number, pods: readonly Placed[], down: ReadonlySet<string>): PlacementStep {
  const staying = pods.filter((pod) => !pod.ending);
  const onNode = new Map<string, number>();
  for (const { node } of staying) if (node !== null) onNode.set(node, (onNode.get(node) ?? 0) + 1);
  return {
    t,
    onNode,
    ready: staying.filter(({ ready, node }) => ready && node !== null && !down.has(node)).length,
    pending: staying.flatMap(({ pod, node, pending }) => (node === null ? [{ pod, why: pending ?? "" }] : [])),
  };
}

function downsOf(seen: readonly NodeSeen[]): readonly NodeDown[] {
  const downs: NodeDown[] = [];
  const since = new Map<string, number>();
  for (const { node, status, t } of seen) {
    const fromMs = since.get(node);
    if (status !== "True") {
      if (fromMs === undefined) since.set(node, t);
    } else if (fromMs !== undefined) {
      downs.push({ node, fromMs, toMs: t });
      since.delete(node);
    }
  }
  for (const [node, fromMs] of since) downs.push({ node, fromMs, toMs: null });
  return downs.sort((a, b) => a.fromMs - b.fromMs);
}
