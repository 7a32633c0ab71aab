/** Conditions of all nodes: one that changes while nobody planned it makes what was measured worthless. */
import type { KubeObject } from "../cluster/kube.ts";
import { gapObserver, type ProbeContext, type RunningProbe } from "./probe.ts";

type Conditions = ReadonlyMap<string, string>;

export function conditionsOf(node: KubeObject): Conditions {
  const rows: readonly { type: string; status: string }[] = node.status?.conditions ?? [];
  return new Map(rows.map(({ type, status }) => [type, status]));
}

export interface ConditionChange {
  readonly condition: string;
  readonly from: string;
  readonly to: string;
}

/** Conditions that differ; one that is new is none that changed. */
export function conditionChanges(before: Conditions, after: Conditions): readonly ConditionChange[] {
  return [...after].flatMap(([condition, to]) => {
    const from = before.get(condition);
    return from === undefined || from === to ? [] : [{ condition, from, to }];
  });
}

export interface NodeChange {
  readonly node: string;
  readonly sentence: string;
}

/** @param onChange gets every change after the first look. */
export async function watchNodes(context: ProbeContext, onChange: (change: NodeChange) => void): Promise<RunningProbe> {
  const name = "nodes";
  const known = new Map<string, Conditions>();
  return context.cluster.kube.watch(
    { apiVersion: "v1", kind: "Node" },
    {
      onGap: gapObserver(name, "nodes", context),
      onEvent: ({ type, object, monotonicNs }) => {
        const node: string = object.metadata.name;
        const t = context.clock.fromMonotonicNs(monotonicNs);
        const before = known.get(node);
        const after = conditionsOf(object);
        if (type === "DELETED") {
          known.delete(node);
          onChange({ node, sentence: `node ${node} left the cluster` });
          return;
        }
        known.set(node, after);
        for (const { condition, from, to } of conditionChanges(before ?? new Map(), after)) {
          context.observe({ t, probe: name, type: "node", node, condition, status: to });
          onChange({ node, sentence: `node ${node}: ${condition} changed from ${from} to ${to}` });
        }
      },
    },
  );
}
