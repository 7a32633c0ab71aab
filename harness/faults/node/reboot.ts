/** A node that boots again is back when its pods are: they are started anew, and the control plane learns of it late. */
import { containerHandle } from "../../cluster/container.ts";
import type { Kube, KubeObject } from "../../cluster/kube.ts";
import { internalIpOf } from "../../cluster/kubelet-port.ts";
import type { FaultContext } from "../fault.ts";
import { isReady } from "../pods/pod.ts";
import type { Finding } from "./findings.ts";
import { isHere, lookIfBack, type Machine } from "./machine.ts";

/** Uids of the pods that are ready on a node. */
export async function readyPodsOn(kube: Kube, node: string): Promise<readonly string[]> {
  return (await podsOn(kube, node)).filter(isReady).map((pod): string => pod.metadata.uid);
}

/** Back, and each pod of `ready` that is still to be there runs in containers that were started after the boot. */
export async function lookIfBooted(
  machine: Machine,
  ready: readonly string[],
  context: FaultContext,
): Promise<Finding> {
  const { kube } = context.cluster;
  const bootedMs = await bootOf(machine);
  const finding = await lookIfBack(machine, context, bootedMs);
  if (finding.inEffect) return finding;
  const [pods, node] = await Promise.all([
    podsOn(kube, machine.name),
    kube.get({ apiVersion: "v1", kind: "Node", name: machine.name }),
  ]);
  const expected = pods.filter(
    ({ metadata }) => ready.includes(metadata.uid) && metadata.deletionTimestamp === undefined,
  );
  const missing = expected.filter((pod) => !isReady(pod) || !startedAfter(pod, bootedMs));
  const known = internalIpOf(node);
  const address = String(finding.values?.address ?? known);
  const moved = address === machine.address ? "at the same address" : `at ${address}, ${machine.address} was taken`;
  return {
    ...finding,
    inEffect: missing.length > 0 || known !== address,
    saw: `${finding.saw}; ${moved}${known === address ? "" : ` (the control plane still says ${known})`}; ${expected.length - missing.length} of its ${expected.length} pods run again`,
    values: { ...finding.values, addressBefore: machine.address, pods: expected.length, podsMissing: missing.length },
  };
}

/** When the container was started, to the second below, as the states of pods are given. */
async function bootOf(machine: Machine): Promise<number> {
  if (!isHere(machine)) return 0;
  const { startedAt } = await containerHandle(machine.container).state();
  return startedAt === "" ? 0 : Math.floor(Date.parse(startedAt) / 1_000) * 1_000;
}

async function podsOn(kube: Kube, node: string): Promise<readonly KubeObject[]> {
  return await kube.list({ apiVersion: "v1", kind: "Pod" }, { fieldSelector: `spec.nodeName=${node}` });
}

/** Static pods are mirrored, and may have been started before the API server could say so. */
function startedAfter(pod: KubeObject, sinceMs: number): boolean {
  const states: readonly { state?: { running?: { startedAt: string } } }[] = pod.status?.containerStatuses ?? [];
  return states.every(({ state }) => Date.parse(state?.running?.startedAt ?? "") >= sinceMs);
}
