/** A Deployment and its pods, as far as ending pods is concerned. */
import type { KubeObject } from "../../cluster/kube.ts";
import { waitFor } from "../../cluster/wait.ts";
import { FaultlineError } from "../../errors.ts";
import type { FaultContext } from "../fault.ts";
import { isReady, isTerminating } from "../pods/pod.ts";

export type Scope = Pick<FaultContext, "cluster" | "namespace" | "signal" | "budgetMs">;

/** Set on the pod template; another value makes the Deployment replace all its pods. */
export const RESTART_ANNOTATION = "faultline.dev/restarted";

export const deploymentRef = (context: Scope, name: string) =>
  ({ apiVersion: "apps/v1", kind: "Deployment", namespace: context.namespace, name }) as const;

/** @throws FaultlineError `fault` when there is none of that name. */
export async function readDeployment(context: Scope, name: string): Promise<KubeObject> {
  const found = await context.cluster.kube.get(deploymentRef(context, name));
  if (found === null) throw new FaultlineError("fault", `no Deployment ${name} in namespace ${context.namespace}`);
  return found;
}

/** All pods that the Deployment's selector matches, ending ones included. */
export async function podsOf(context: Scope, name: string): Promise<readonly KubeObject[]> {
  return podsMatching(context, await readDeployment(context, name));
}

/** As `kubectl rollout restart`: a new annotation on the template; null takes it away. */
export async function restart(context: Scope, name: string, value: string | null): Promise<void> {
  await context.cluster.kube.patch(deploymentRef(context, name), {
    spec: { template: { metadata: { annotations: { [RESTART_ANNOTATION]: value } } } },
  });
}

/**
 * Waits until the rollout is complete: as many ready pods of the newest template as wanted. With `gone`, until no other
 * pod is left either.
 */
export async function settled(
  context: Scope,
  name: string,
  extent: "serving" | "gone",
): Promise<readonly KubeObject[]> {
  return waitFor({
    what: `Deployment ${name}: all replicas ready${extent === "gone" ? " and no other pod left" : ""}`,
    timeoutMs: context.budgetMs,
    everyMs: 250,
    signal: context.signal,
    probe: async () => {
      const { ready, serving, gone, saw } = await lookAtRollout(context, name);
      return (extent === "serving" ? serving : gone) ? { done: true, value: ready } : { done: false, saw };
    },
  });
}

export interface RolloutLook {
  readonly deployment: KubeObject;
  readonly pods: readonly KubeObject[];
  readonly ready: readonly KubeObject[];
  /** As many ready pods of the newest template as wanted. */
  readonly serving: boolean;
  /** And no other pod left. */
  readonly gone: boolean;
  readonly saw: string;
}

export async function lookAtRollout(context: Scope, name: string): Promise<RolloutLook> {
  const deployment = await readDeployment(context, name);
  const { spec, status, metadata } = deployment;
  const wanted: number = spec.replicas ?? 1;
  const complete =
    (status?.observedGeneration ?? 0) >= metadata.generation &&
    [status?.replicas, status?.updatedReplicas, status?.availableReplicas].every((count) => count === wanted);
  const pods = await podsMatching(context, deployment);
  const staying = pods.filter((pod) => !isTerminating(pod));
  // The status may still tell of a pod that was deleted a moment ago: the pods themselves decide.
  const ready = staying.filter(isReady);
  const serving = complete && ready.length === wanted;
  const saw = `${ready.length} of ${wanted} ready, ${pods.length - staying.length} terminating, ${status?.updatedReplicas ?? 0} up to date`;
  return { deployment, pods, ready, serving, gone: serving && pods.length === wanted, saw };
}

/** Names of the Deployment's pods of which a kubelet reported that it stops a container. */
export async function killedPods(context: Scope, name: string): Promise<Set<string>> {
  const events = await context.cluster.kube.list(
    { apiVersion: "v1", kind: "Event", namespace: context.namespace },
    { fieldSelector: "reason=Killing,involvedObject.kind=Pod" },
  );
  const podName = new RegExp(`^${name}-[a-z0-9]+-[a-z0-9]{5}$`);
  return new Set(events.map((event): string => event.involvedObject.name).filter((pod) => podName.test(pod)));
}

async function podsMatching(context: Scope, deployment: KubeObject): Promise<readonly KubeObject[]> {
  const labels: Record<string, string> = deployment.spec.selector.matchLabels ?? {};
  const labelSelector = Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
  return context.cluster.kube.list({ apiVersion: "v1", kind: "Pod", namespace: context.namespace }, { labelSelector });
}
