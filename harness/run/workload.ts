/** An arm's namespace and what runs in it: applied, waited for, removed. */

import type { Kube, KubeObject } from "../cluster/kube.ts";
import { LABEL_OWNER, LABEL_RUN, OWNER } from "../cluster/labels.ts";
import { waitFor } from "../cluster/wait.ts";
import { withImages } from "../plan/overlay.ts";
import type { JsonObject, Manifest, PlannedArm } from "../types.ts";

const WORKLOADS = ["Deployment", "StatefulSet", "DaemonSet"];

export async function createNamespace(kube: Kube, namespace: string, runId: string): Promise<void> {
  await kube.create({
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: namespace, labels: { [LABEL_OWNER]: OWNER, [LABEL_RUN]: runId } },
  });
}

/** Applies the arm's manifests with the built images in place, and waits until every workload is available. */
export async function deploy(
  kube: Kube,
  arm: Pick<PlannedArm, "namespace" | "manifests">,
  images: Readonly<Record<string, string>>,
  readyWithinMs: number,
  signal: AbortSignal,
): Promise<void> {
  for (const manifest of arm.manifests)
    await kube.apply(withImages(manifest as unknown as JsonObject, images) as unknown as Manifest);
  const workloads = arm.manifests.filter((manifest) => WORKLOADS.includes(manifest.kind));
  await waitFor({
    what: `workload of ${arm.namespace} available`,
    timeoutMs: readyWithinMs,
    everyMs: 250,
    signal,
    probe: async () => {
      const seen = await Promise.all(
        workloads.map(async (one) => notReady(await kube.get(refOf(one, arm.namespace)), one)),
      );
      const missing = seen.filter((text) => text !== null);
      if (missing.length === 0) return { done: true, value: undefined };
      return { done: false, saw: `${missing.join("; ")}${await podTrouble(kube, arm.namespace)}` };
    },
  });
}

/** Deletes the namespace and waits until it is gone; its pods get no grace, because nobody judges them any more. */
export async function removeNamespace(kube: Kube, namespace: string, timeoutMs: number): Promise<void> {
  const ref = { apiVersion: "v1", kind: "Namespace", name: namespace };
  const existing = await kube.get(ref);
  if (existing === null) return;
  if (existing.metadata?.labels?.[LABEL_OWNER] !== OWNER) return;
  await kube.delete(ref);
  const pods = await kube.list({ apiVersion: "v1", kind: "Pod", namespace });
  await Promise.all(
    pods.map(async (pod) =>
      kube.delete({ apiVersion: "v1", kind: "Pod", namespace, name: pod.metadata.name }, { gracePeriodSeconds: 1 }),
    ),
  );
  await waitFor({
    what: `namespace ${namespace} gone`,
    timeoutMs,
    everyMs: 500,
    probe: async () => {
      const object = await kube.get(ref);
      if (object === null) return { done: true, value: undefined };
      const why = (object.status?.conditions ?? []).map((one: { message?: string }) => one.message).join("; ");
      return { done: false, saw: `phase ${object.status?.phase} ${why}` };
    },
  });
}

const refOf = (manifest: Manifest, namespace: string) => ({
  apiVersion: manifest.apiVersion,
  kind: manifest.kind,
  namespace,
  name: manifest.metadata.name,
});

/** null when available, else what is missing. */
function notReady(object: KubeObject, manifest: Manifest): string | null {
  const name = `${manifest.kind} ${manifest.metadata.name}`;
  if (object === null) return `${name} does not exist`;
  const status = object.status ?? {};
  if ((status.observedGeneration ?? 0) < object.metadata.generation) return `${name} not observed yet`;
  const wanted = manifest.kind === "DaemonSet" ? status.desiredNumberScheduled : (object.spec.replicas ?? 1);
  const available = (manifest.kind === "DaemonSet" ? status.numberAvailable : status.availableReplicas) ?? 0;
  return available >= wanted && wanted !== undefined ? null : `${name}: ${available} of ${wanted} available`;
}

/** Why containers wait, for the last observation of a deadline. */
async function podTrouble(kube: Kube, namespace: string): Promise<string> {
  const pods = await kube.list({ apiVersion: "v1", kind: "Pod", namespace });
  const reasons = pods.flatMap((pod) => [
    ...(pod.status?.conditions ?? [])
      .filter((one: { type: string; status: string }) => one.type === "PodScheduled" && one.status === "False")
      .map((one: { message?: string }) => `${pod.metadata.name} not scheduled: ${one.message}`),
    ...(pod.status?.containerStatuses ?? [])
      .filter((one: { state?: { waiting?: { reason?: string } } }) => one.state?.waiting?.reason !== undefined)
      .map((one: { state: { waiting: { reason: string; message?: string } } }) => {
        const { reason, message } = one.state.waiting;
        return `${pod.metadata.name} ${reason}${message === undefined ? "" : `: ${message}`}`;
      }),
  ]);
  return reasons.length === 0 ? "" : ` (${reasons.slice(0, 3).join("; ")})`;
}
