/** What comes of a rollout: it completes, or it hangs because nothing of it can move any more. */
import type { KubeObject } from "../../cluster/kube.ts";
import { waitFor } from "../../cluster/wait.ts";
import { isReady, isTerminating } from "../pods/pod.ts";
import { deploymentRef, lookAtRollout, RESTART_ANNOTATION, restart, type Scope } from "./deployment.ts";

/**
 * Waits until the rollout is complete and no other pod is left, or until nothing of it has moved for `stillMs`.
 * @returns why it hangs, as a clause; null when it is complete.
 * @throws FaultlineError `deadline` when it does neither within the budget.
 */
export async function rolledOut(
  context: Scope,
  name: string,
  stillMs: number,
): Promise<{ readonly hangs: string | null }> {
  let stuck: { readonly why: string; readonly sinceMs: number } | null = null;
  return await waitFor<{ readonly hangs: string | null }>({
    what: `the rollout of ${name} to complete`,
    timeoutMs: context.budgetMs,
    everyMs: 250,
    signal: context.signal,
    probe: async () => {
      const { deployment, pods, gone, saw } = await lookAtRollout(context, name);
      if (gone) return { done: true, value: { hangs: null } };
      const why = whyStuck(deployment, pods);
      if (why === null) stuck = null;
      else if (stuck?.why !== why) stuck = { why, sinceMs: performance.now() };
      const still = stuck !== null && performance.now() - stuck.sinceMs >= stillMs;
      return still
        ? { done: true, value: { hangs: why } }
        : { done: false, saw: why === null ? saw : `${saw}; ${why}` };
    },
  });
}

/**
 * Why a rollout cannot go on, as a clause: every pod that is missing has no node, and none ends whose place it could
 * take; or the Deployment's own deadline for progress is over. null while anything may still move. Pure.
 */
export function whyStuck(deployment: KubeObject, pods: readonly KubeObject[]): string | null {
  const missing = pods.filter((pod) => !isReady(pod) && !isTerminating(pod));
  const reasons = missing.map((pod) => [pod.metadata.name as string, unscheduled(pod)] as const);
  const [first] = reasons;
  const moving = pods.some(isTerminating) || reasons.some(([, reason]) => reason === null);
  if (first !== undefined && !moving) {
    const more = reasons.length === 1 ? "" : ` (and ${reasons.length - 1} more)`;
    return `${first[0]}${more} is not scheduled: ${first[1]}`;
  }
  const progress = conditionOf(deployment, "Progressing");
  if (progress?.reason !== "ProgressDeadlineExceeded") return null;
  const waiting = missing.flatMap((pod) => waitingReasons(pod));
  return [progress.message ?? "it made no progress in time", ...waiting].join("; ");
}

/** Back to the pods that serve, as `kubectl rollout undo` does. Right when there is nothing to go back to. */
export async function rollBack(context: Scope, name: string): Promise<void> {
  const deployment = await context.cluster.kube.get(deploymentRef(context, name));
  if (deployment === null) return;
  const sets = await context.cluster.kube.list({
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    namespace: context.namespace,
  });
  const newest = annotationOf(deployment);
  const serving = sets
    .filter((set) => ownerOf(set) === deployment.metadata.uid && annotationOf(set) !== newest)
    .sort((a, b) => readyOf(b) - readyOf(a) || revisionOf(b) - revisionOf(a))[0];
  if (serving !== undefined) await restart(context, name, annotationOf(serving));
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}
const conditionOf = (object: KubeObject, type: string) =>
  (object.status?.conditions as readonly Condition[] | undefined)?.find((one) => one.type === type);

/** The scheduler's reason for leaving a pod without a node; its first sentence, without what preemption would change. */
function unscheduled(pod: KubeObject): string | null {
  const scheduled = conditionOf(pod, "PodScheduled");
  if (scheduled?.status !== "False" || scheduled.reason !== "Unschedulable") return null;
  return (scheduled.message ?? "no reason was given").split(/\.\s/)[0]?.replace(/\.$/, "") ?? "";
}

function waitingReasons(pod: KubeObject): readonly string[] {
  const containers: readonly { state?: { waiting?: { reason?: string } } }[] = pod.status?.containerStatuses ?? [];
  return containers.flatMap(({ state }) =>
    state?.waiting?.reason === undefined ? [] : [`${pod.metadata.name} waits: ${state.waiting.reason}`],
  );
}

const readyOf = (set: KubeObject): number => set.status?.readyReplicas ?? 0;
const revisionOf = (set: KubeObject) => Number(set.metadata.annotations?.["deployment.kubernetes.io/revision"] ?? 0);
const annotationOf = (object: KubeObject): string | null =>
  object.spec.template.metadata?.annotations?.[RESTART_ANNOTATION] ?? null;
const ownerOf = (object: KubeObject): string | undefined =>
  object.metadata.ownerReferences?.find((one: { controller?: boolean }) => one.controller === true)?.uid;
