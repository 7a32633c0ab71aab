/** Nodes as containers of this machine. */
import { FaultlineError } from "../errors.ts";
import { containerHandle } from "./container.ts";
import { docker, type NodeContainer, nodeContainers } from "./docker.ts";
import type { NodeHandle } from "./provider.ts";

/** The nodes of a cluster, control plane first. */
export async function nodeHandles(cluster: string): Promise<readonly NodeHandle[]> {
  const containers = await nodeContainers(cluster);
  return containers.filter(({ role }) => role !== "load-balancer").map(nodeHandle);
}

function nodeHandle(container: NodeContainer): NodeHandle {
  const { name } = container;
  return {
    name,
    role: container.role === "control-plane" ? "control-plane" : "worker",
    container: containerHandle(container.id),
    exec: async (argv, { input, ...options }) => {
      const stdin = input === undefined ? {} : { input };
      const interactive = input === undefined ? [] : ["--interactive"];
      try {
        const result = await docker(["exec", ...interactive, name, ...argv], { ...options, ...stdin });
        // No answer of the program, whatever exit code the caller accepts.
        if (result.exitCode !== 0) refuseDown(name, result.stderr);
        return result;
      } catch (error) {
        if (error instanceof FaultlineError) refuseDown(name, String(error.context.output ?? ""));
        throw error;
      }
    },
  };
}

/** The engine's own words when it cannot run a program because of the state of the container. */
const REFUSALS = [
  { says: /^Error response from daemon: .*is paused, unpause the container/m, state: "paused" },
  { says: /^Error response from daemon: .*is (?:not running|restarting)/m, state: "stopped" },
  { says: /^Error(?: response from daemon)?: No such container/m, state: "gone" },
] as const;

/** @throws FaultlineError `cluster` with the node's state when the engine says that it is down. */
function refuseDown(node: string, said: string): void {
  const down = REFUSALS.find(({ says }) => says.test(said));
  if (down === undefined) return;
  throw new FaultlineError("cluster", `${node} is ${down.state}: nothing can be run on it`, {
    context: { node, nodeState: down.state },
  });
}
