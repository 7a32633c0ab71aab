/** The network namespace of a pod, entered from its node. */
import type { NodeHandle } from "../../cluster/provider.ts";
import { FaultlineError } from "../../errors.ts";

export type Target = {
  readonly namespace: string;
  readonly name: string;
  /** A pod of the same name that came later is another pod. */
  readonly uid: string;
  readonly node: string;
};

const TIMEOUT_MS = 15_000;

/** The network namespace of a pod; every call runs a program on its node. */
export interface PodNetwork {
  /** Of the network namespace on the node. */
  readonly path: string;
  /** The file that the pod's containers have as /etc/resolv.conf. */
  readonly resolvConf: string;
  rules(): Promise<string>;
}

/** @returns null when the pod is gone, and its network namespace with it. */
export async function podNetwork(nodes: readonly NodeHandle[], target: Target): Promise<PodNetwork | null> {
  const node = nodes.find((one) => one.name === target.node);
  if (node === undefined) return null;
  const sandbox = await sandboxOf(node, target);
  if (sandbox === null) return null;
  const enter = ["nsenter", `--net=${sandbox.path}`];
  return {
    ...sandbox,
    rules: async () => (await node.exec([...enter, "iptables-save"], { timeoutMs: TIMEOUT_MS })).stdout,
  };
}

/** Where containerd keeps what the containers of a pod share; crictl does not tell it. */
const SANDBOXES = "/var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes";

interface Sandbox {
  readonly id: string;
  readonly metadata: { readonly uid: string };
}
interface SandboxDetails {
  readonly info?: {
    readonly runtimeSpec?: {
      readonly linux?: { readonly namespaces?: readonly { readonly type: string; readonly path?: string }[] };
    };
  };
}

async function sandboxOf(node: NodeHandle, target: Target): Promise<Pick<PodNetwork, "path" | "resolvConf"> | null> {
  const listed = await node.exec(
    ["crictl", "pods", "--namespace", target.namespace, "--name", target.name, "--state", "Ready", "--output", "json"],
    { timeoutMs: TIMEOUT_MS },
  );
  const sandboxes: readonly Sandbox[] = JSON.parse(listed.stdout).items ?? [];
  const sandbox = sandboxes.find((one) => one.metadata.uid === target.uid);
  if (sandbox === undefined) return null;
  const inspected = await node.exec(["crictl", "inspectp", "--output", "json", sandbox.id], { timeoutMs: TIMEOUT_MS });
  const { info } = JSON.parse(inspected.stdout) as SandboxDetails;
  const path = info?.runtimeSpec?.linux?.namespaces?.find((one) => one.type === "network")?.path ?? "";
  // By such a name the rules are found again by whoever ends the fault, whatever became of the pod.
  if (/^(\/var)?\/run\/netns\//.test(path)) {
    return { path, resolvConf: `${SANDBOXES}/${sandbox.id}/resolv.conf` };
  }
  throw new FaultlineError(
    "fault",
    `${target.namespace}/${target.name}: ${node.name} has no named network namespace for it, but "${path}"`,
    { fix: "use a node image with containerd, and a pod with a network of its own" },
  );
}
