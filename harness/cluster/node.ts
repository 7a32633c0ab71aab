/** Nodes as containers of this machine. */
import { docker, type NodeContainer, nodeContainers } from "./docker.ts";
import type { NodeHandle } from "./provider.ts";

/** The nodes of a cluster, control plane first. */
export async function nodeHandles(cluster: string): Promise<readonly NodeHandle[]> {
  const containers = await nodeContainers(cluster);
  return containers.filter(({ role }) => role !== "load-balancer").map(nodeHandle);
}

function nodeHandle(container: NodeContainer): NodeHandle {
  return {
    name: container.name,
    role: container.role === "control-plane" ? "control-plane" : "worker",
    exec: (argv, { input, ...options }) =>
      docker(["exec", ...(input === undefined ? [] : ["--interactive"]), container.name, ...argv], {
        ...options,
        ...(input === undefined ? {} : { input }),
      }),
  };
}
