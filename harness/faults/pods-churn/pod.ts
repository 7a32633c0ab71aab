/** The pods that come and go, and how many of them a node can hold. */
import { FaultlineError } from "../../errors.ts";
import { withImages } from "../../plan/overlay.ts";
import type { JsonObject, Manifest } from "../../types.ts";
import type { FaultContext } from "../fault.ts";
import { labelsOf } from "../names.ts";
import { pauseImage } from "../pods/pause-image.ts";

/** What the fault sets itself. */
export const OWN_FIELDS = ["nodeName", "restartPolicy", "activeDeadlineSeconds"] as const;
/** From the delete to the instant when the kubelet has forgotten a pod, beside its grace. Seen: 1 to 3 s under load. */
const FORGET_MS = 4_000;
/** Unless the template says otherwise; nothing in a pause has to be finished. */
const GRACE_S = 1;

/** Every field but the node set; images by the names that the nodes know. */
export async function podSpecOf(
  context: FaultContext,
  lifetimeMs: number,
  template: JsonObject | undefined,
): Promise<JsonObject> {
  const nothing = async () => ({
    automountServiceAccountToken: false,
    containers: [{ name: "pause", image: await pauseImage(context.cluster.kube), imagePullPolicy: "IfNotPresent" }],
  });
  const given = withImages(template ?? (await nothing()), context.images);
  return {
    terminationGracePeriodSeconds: GRACE_S,
    enableServiceLinks: false,
    tolerations: [{ operator: "Exists" }],
    ...given,
    restartPolicy: "Never",
    // The kubelet ends it by itself when nobody is left to delete it.
    activeDeadlineSeconds: Math.ceil(lifetimeMs / 1_000) + GRACE_S,
  };
}

/** What an undo token holds of the pods. */
export type PodToken = {
  readonly id: string;
  readonly namespace: string;
  readonly labels: Texts;
  readonly annotations: Texts;
  readonly spec: JsonObject;
};
export type Texts = { readonly [key: string]: string };

export function podManifest(name: string, node: string, token: PodToken, runId: string): Manifest {
  const named = (texts: Texts) =>
    Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, text.replaceAll("{name}", name)]));
  const labels = { ...named(token.labels), ...labelsOf(token.id, runId) };
  const metadata = { name, namespace: token.namespace, labels, annotations: named(token.annotations) };
  return { apiVersion: "v1", kind: "Pod", metadata, spec: { ...token.spec, nodeName: node } };
}

/** What is asked for on all nodes together. */
export interface Asked {
  readonly podsPerSecond: number;
  readonly lifetimeMs: number;
  /** null: they come for as long as the fault is in. */
  readonly pods: number | null;
}

/** Pods on each of the nodes at once, those included that still end. */
export function podsAtOnce({ podsPerSecond, lifetimeMs, pods }: Asked, nodes: number, graceSeconds: number): number {
  const living = (podsPerSecond * (lifetimeMs + graceSeconds * 1_000 + FORGET_MS)) / 1_000;
  return Math.ceil(Math.min(living, pods ?? Number.POSITIVE_INFINITY) / nodes);
}

/** @throws FaultlineError `fault` when the node has no room for that many. */
export async function refuseWithoutRoom(context: FaultContext, node: string, needed: number): Promise<void> {
  const { kube } = context.cluster;
  const found = await kube.get({ apiVersion: "v1", kind: "Node", name: node });
  const slots = Number(found?.status?.allocatable?.pods ?? 0);
  const pods = await kube.list({ apiVersion: "v1", kind: "Pod" }, { fieldSelector: `spec.nodeName=${node}` });
  const used = pods.filter((pod) => !["Succeeded", "Failed"].includes(pod.status?.phase)).length;
  if (needed <= slots - used) return;
  throw new FaultlineError(
    "fault",
    `${needed} pods would be on ${node} at once, and it has room for ${slots - used} (${slots} at most, ${used} there)`,
    { fix: "lower podsPerSecond, lifetime, or the template's grace" },
  );
}
