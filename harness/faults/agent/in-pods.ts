/** Looking from where pods are: a script on each of their nodes, which enters their network namespaces. */
import type { FaultContext } from "../fault.ts";
import { type PodNetwork, podNetwork, type Target } from "./pod-network.ts";

export interface PodPlace {
  readonly name: string;
  readonly network: PodNetwork;
}

const TIMEOUT_MS = 60_000;

/** @returns the lines that the scripts printed; pods that are gone are not in it. */
export async function lookFromPods(
  context: FaultContext,
  pods: readonly Target[],
  scriptFor: (pods: readonly PodPlace[]) => string,
): Promise<readonly string[]> {
  const nodes = await context.cluster.nodes();
  const found = await Promise.all(pods.map(async (pod) => ({ pod, network: await podNetwork(nodes, pod) })));
  const lines = await Promise.all(
    nodes.map(async (node) => {
      const here = found.flatMap(({ pod, network }) =>
        pod.node === node.name && network !== null ? [{ name: pod.name, network }] : [],
      );
      if (here.length === 0) return [];
      const { stdout } = await node.exec(["bash", "-s"], { timeoutMs: TIMEOUT_MS, input: scriptFor(here) });
      return stdout.split("\n").filter((line) => line !== "");
    }),
  );
  return lines.flat();
}
