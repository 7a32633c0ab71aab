/** Which faults are timed, and how a person would do the same with plain commands. */
import { docker } from "../cluster/docker.ts";
import type { ClusterHandle, NodeHandle } from "../cluster/provider.ts";
import type { FaultSpec } from "../types.ts";

export interface Hands {
  readonly node: NodeHandle;
  readonly cluster: ClusterHandle;
  readonly namespace: string;
}
export interface FaultCase {
  readonly what: string;
  readonly spec: FaultSpec;
  /** The end of the name of the node that is hit. */
  readonly node: string;
  readonly limitsMs: { readonly effect: number; readonly clean: number };
  /** What the targets are, made once. */
  readonly prepare?: (cluster: ClusterHandle, namespace: string) => Promise<void>;
  readonly byHand: { readonly inject: (hands: Hands) => Promise<void>; readonly undo: (hands: Hands) => Promise<void> };
}

export const FAULT_CASES: readonly FaultCase[] = [
  {
    what: "node.freeze, `docker pause`",
    spec: { kind: "node.freeze", targets: { names: ["worker2"] } },
    node: "worker2",
    limitsMs: { effect: 500, clean: 500 },
    byHand: {
      inject: async ({ node }) => void (await docker(["pause", node.name])),
      undo: async ({ node }) => void (await docker(["unpause", node.name])),
    },
  },
];
