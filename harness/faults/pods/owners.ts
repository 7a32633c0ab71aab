/** Who replaces a pod that is gone, and whether it has done so. */
import type { KubeObject } from "../../cluster/kube.ts";
import { FaultlineError } from "../../errors.ts";
import type { FaultContext } from "../fault.ts";
import type { Finding } from "../node/findings.ts";
import { isServing, isTerminating } from "./pod.ts";

/** A controller as an undo token holds it. */
export type Owner = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Pods of its own that were ready before. */
  readonly had: number;
};

/** @throws FaultlineError `fault` for a pod that nobody owns: it would not come back. */
export async function ownersOf(context: FaultContext, pods: readonly KubeObject[]): Promise<readonly Owner[]> {
  const owners = new Map<string, Omit<Owner, "had">>();
  for (const { metadata } of pods) {
    const owner = controllerOf({ metadata });
    if (owner === undefined) {
      throw new FaultlineError(
        "fault",
        `no controller owns ${metadata.namespace}/${metadata.name}: nothing would bring it back`,
        {
          fix: "let a Deployment, a StatefulSet or a DaemonSet own it, or choose other targets",
        },
      );
    }
    const { apiVersion, kind, name, uid } = owner;
    owners.set(uid, { apiVersion, kind, name, uid, namespace: metadata.namespace });
  }
  return await Promise.all(
    [...owners.values()].map(async (owner) => ({
      ...owner,
      had: (await podsOwnedBy(context, owner)).filter(isServing).length,
    })),
  );
}

/** Whether the controller has as many ready pods as it wants, and none that still ends. */
export async function lookAtOwner(context: FaultContext, owner: Owner): Promise<Finding> {
  const { kind, name } = owner;
  const label = `${kind} ${name}`;
  const found = await context.cluster.kube.get(owner);
  if (found === null || found.metadata.uid !== owner.uid) return { name: label, inEffect: false, saw: "is gone" };
  const pods = await podsOwnedBy(context, owner);
  const ready = pods.filter(isServing).length;
  const ending = pods.filter(isTerminating).length;
  const wanted = wantedBy(found, owner);
  return {
    name: label,
    inEffect: ready < wanted || ending > 0,
    saw: `${ready} of ${wanted} pods ready, ${ending} ending`,
    values: { ready, wanted, ending },
  };
}

const controllerOf = (pod: KubeObject) =>
  (pod.metadata.ownerReferences ?? []).find((one: { controller?: boolean }) => one.controller === true);

async function podsOwnedBy(context: FaultContext, owner: Omit<Owner, "had">): Promise<readonly KubeObject[]> {
  const pods = await context.cluster.kube.list({ apiVersion: "v1", kind: "Pod", namespace: owner.namespace });
  return pods.filter((pod) => controllerOf(pod)?.uid === owner.uid);
}

/** What a controller wants stands in another place for each kind; one that is not known wants what it had. */
function wantedBy(found: KubeObject, owner: Owner): number {
  switch (owner.kind) {
    case "ReplicaSet":
    case "StatefulSet":
    case "ReplicationController":
      return found.spec.replicas ?? 1;
    case "DaemonSet":
      return found.status?.desiredNumberScheduled ?? 0;
    case "Job":
      return Math.min(owner.had, found.status?.active ?? 0);
    default:
      return owner.had;
  }
}
