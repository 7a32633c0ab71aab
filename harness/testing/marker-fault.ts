/** A fault on the fake cluster: an object that stands for the effect. Every verb can be made to fail or to die. */

import type { Fault } from "../faults/fault.ts";
import type { FaultSpec, Json } from "../types.ts";
import type { FakeCluster } from "./fake-cluster.ts";

export interface MarkerBehaviour {
  /** The marker is never put: a fault without effect. */
  readonly dud?: boolean;
  readonly oneShot?: boolean;
  /** Throws in this verb. */
  readonly breaks?: "prepare" | "inject" | "verifyEffective" | "revert";
}

export function markerFault(cluster: FakeCluster, calls: string[], behaviour: MarkerBehaviour = {}): Fault {
  const nameOf = (undo: Json) => (undo as { name: string }).name;
  const present = (undo: Json) => cluster.objects().includes(`Marker//${nameOf(undo)}`);
  const enter = (verb: string) => {
    calls.push(verb);
    if (behaviour.breaks === verb) throw new Error(`${verb} broke`);
  };
  const evidence = (undo: Json) => ({
    effective: present(undo),
    because: `the marker is ${present(undo) ? "there" : "not there"}`,
    values: {},
  });
  return {
    kind: "noop" as FaultSpec["kind"],
    needs: [],
    oneShot: behaviour.oneShot ?? false,
    drawAs: { label: "marker", colour: "#888888" },
    validate: () => [],
    prepare: async (_, context) => {
      enter("prepare");
      return { name: context.faultId.replaceAll("/", "-") };
    },
    inject: async (undo) => {
      if (behaviour.dud !== true) cluster.put({ apiVersion: "v1", kind: "Marker", metadata: { name: nameOf(undo) } });
      enter("inject");
    },
    verifyEffective: async (undo) => {
      enter("verifyEffective");
      return evidence(undo);
    },
    revert: async (undo) => {
      enter("revert");
      await cluster.handle.kube.delete({ apiVersion: "v1", kind: "Marker", name: nameOf(undo) });
    },
    verifyReverted: async (undo) => {
      enter("verifyReverted");
      return evidence(undo);
    },
  };
}
