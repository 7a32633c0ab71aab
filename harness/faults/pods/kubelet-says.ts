/** What the kubelet reports of a container. */
import type { KubeObject } from "../../cluster/kube.ts";
import type { FaultContext } from "../fault.ts";
import type { Finding } from "../node/findings.ts";
import { idOf } from "./containers.ts";
import type { ContainerTarget } from "./on-nodes.ts";
import { isReady } from "./pod.ts";

export interface Termination {
  readonly containerID: string;
  readonly exitCode: number;
  readonly reason: string;
}
export interface Report {
  readonly restarts: number;
  readonly ready: boolean;
  readonly running: boolean;
  /** Why it waits: `CrashLoopBackOff`; empty when it does not. */
  readonly waiting: string;
  /** The last end, the present one included. */
  readonly ended: Termination | null;
}

/** null when the pod is gone. */
export async function reportOf(target: ContainerTarget, context: FaultContext): Promise<Report | null> {
  const { namespace, name, uid, container } = target;
  const pod: KubeObject | null = await context.cluster.kube.get({ apiVersion: "v1", kind: "Pod", namespace, name });
  if (pod?.metadata.uid !== uid) return null;
  const status = (pod.status?.containerStatuses ?? []).find((one: { name: string }) => one.name === container);
  const ended: Termination | undefined = status?.state?.terminated ?? status?.lastState?.terminated;
  return {
    restarts: status?.restartCount ?? 0,
    ready: isReady(pod),
    running: status?.state?.running !== undefined,
    waiting: status?.state?.waiting?.reason ?? "",
    ended: ended === undefined ? null : { ...ended, containerID: idOf(ended.containerID ?? "") },
  };
}

/** Well again: the pod is ready, or it is gone and no concern of ours. */
export async function lookIfWell(target: ContainerTarget, context: FaultContext): Promise<Finding> {
  const report = await reportOf(target, context);
  const { name } = target;
  if (report === null) return { name, inEffect: false, saw: "is gone" };
  const { ready, restarts, waiting } = report;
  const saw = `${ready ? "ready" : "not ready"} after ${restarts} restarts${waiting === "" ? "" : `, ${waiting}`}`;
  return { name, inEffect: !ready, saw, values: { restarts, waiting } };
}
