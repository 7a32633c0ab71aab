/** Containers of pods as the runtime of their nodes knows them: another path than the API. */
import type { KubeObject } from "../../cluster/kube.ts";
import { LABEL_FAULT } from "../../cluster/labels.ts";
import type { NodeHandle } from "../../cluster/provider.ts";
import { FaultlineError } from "../../errors.ts";
import type { FaultContext } from "../fault.ts";

const TIMEOUT_MS = 20_000;

/** Ids as the runtime has them of the containers that the kubelet says run. */
export function runningContainers(pod: KubeObject): readonly string[] {
  const statuses: readonly { containerID?: string; state?: { running?: object } }[] =
    pod.status?.containerStatuses ?? [];
  return statuses.flatMap(({ containerID, state }) =>
    containerID === undefined || state?.running === undefined ? [] : [idOf(containerID)],
  );
}

/** `containerd://<id>` → `<id>` */
export const idOf = (containerId: string): string => containerId.replace(/^[\w-]+:\/\//, "");

/** The node of that name; null when it is gone, and everything on it. */
export async function nodeOf(context: FaultContext, name: string): Promise<NodeHandle | null> {
  return (await context.cluster.nodes()).find((node) => node.name === name) ?? null;
}

/** Those containers that run on a node, by what its runtime says; none where the node is off or gone. */
export async function runningOn(node: NodeHandle | null): Promise<ReadonlySet<string>> {
  return new Set(await ask(node, ["ps", "--state", "running"]));
}

/** How many sandboxes of a fault's own pods are ready on a node; none where the node is off or gone. */
export async function sandboxesOf(node: NodeHandle | null, id: string): Promise<number> {
  return (await ask(node, ["pods", "--state", "ready", "--label", `${LABEL_FAULT}=${id}`])).length;
}

/** Ids, one a line. */
async function ask(node: NodeHandle | null, argv: readonly string[]): Promise<readonly string[]> {
  if (node === null) return [];
  try {
    const { stdout } = await node.exec(["crictl", ...argv, "--quiet", "--no-trunc"], { timeoutMs: TIMEOUT_MS });
    return stdout.split("\n").filter((line) => line !== "");
  } catch (error) {
    const off = error instanceof FaultlineError && ["stopped", "gone"].includes(String(error.context.nodeState));
    if (off) return [];
    throw error;
  }
}
