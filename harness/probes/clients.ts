/** The pods of a selector that can be asked now. */
import type { KubeObject } from "../cluster/kube.ts";
import type { ProbeContext } from "./probe.ts";

export interface Client {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

export async function runningPods({ cluster, namespace }: ProbeContext, selector: string): Promise<readonly Client[]> {
  const ref = { apiVersion: "v1", kind: "Pod", namespace };
  const pods: readonly KubeObject[] = await cluster.kube.list(ref, {
    labelSelector: selector,
    fieldSelector: "status.phase=Running",
  });
  return pods
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map(({ metadata }) => ({ name: metadata.name, labels: metadata.labels ?? {} }));
}
