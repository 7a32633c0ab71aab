/**
 * Nodes of a cluster of which there is only a kubeconfig: programs run on them through a privileged pod of ours. The pod
 * runs the image that every node has, that of the sandbox; its programs are the node's own, mounted read-only.
 */
import { createHash } from "node:crypto";
import { FaultlineError } from "../errors.ts";
import type { Kube, KubeObject } from "./kube.ts";
import { LABEL_OWNER, OWNER, SYSTEM_NAMESPACE } from "./labels.ts";
import type { NodeHandle } from "./provider.ts";
import { waitFor } from "./wait.ts";

const READY_MS = 60_000;
const CONTAINER = "node";
/** Its pods are there only while a command without Docker works on the cluster. */
export const NODE_SHELL_LABEL = "faultline.dev/node-shell";

export async function apiNodes(kube: Kube): Promise<readonly NodeHandle[]> {
  const nodes = await kube.list({ apiVersion: "v1", kind: "Node" });
  return nodes.map((node): NodeHandle => {
    const name: string = node.metadata.name;
    let shell: Promise<string> | undefined;
    return {
      name,
      role: isControlPlane(node) ? "control-plane" : "worker",
      async exec(argv, { timeoutMs, input, accept = [0] }) {
        shell ??= openShell(kube, node);
        const enter = ["/usr/bin/nsenter", "--target", "1", "--mount", "--uts", "--ipc", "--net", "--pid", "--"];
        const pod = { namespace: SYSTEM_NAMESPACE, name: await shell, container: CONTAINER };
        const request = { ...pod, argv: [...enter, ...argv], timeoutMs };
        const result = await kube.exec(input === undefined ? request : { ...request, input });
        if (accept === "any" || accept.includes(result.exitCode)) return result;
        const said = `${result.stdout}\n${result.stderr}`.trim().split("\n").slice(-20).join("\n");
        throw new FaultlineError(
          "command-failed",
          `${argv.join(" ")} on ${name}: exited with ${result.exitCode}\n${said}`,
          {
            context: { exitCode: result.exitCode, node: name },
          },
        );
      },
    };
  });
}

/** Removes the pods through which programs ran; right if there are none. */
export async function closeApiNodes(kube: Kube): Promise<void> {
  const pods = await kube.list(
    { apiVersion: "v1", kind: "Pod", namespace: SYSTEM_NAMESPACE },
    { labelSelector: NODE_SHELL_LABEL },
  );
  const named = (pod: KubeObject) => ({
    apiVersion: "v1",
    kind: "Pod",
    namespace: SYSTEM_NAMESPACE,
    name: pod.metadata.name,
  });
  await Promise.all(pods.map(async (pod) => kube.delete(named(pod), { gracePeriodSeconds: 0 })));
}

const isControlPlane = (node: KubeObject) =>
  node.metadata.labels?.["node-role.kubernetes.io/control-plane"] !== undefined;

/** @returns the name of the running pod. */
async function openShell(kube: Kube, node: KubeObject): Promise<string> {
  const name = `faultline-node-${createHash("sha256").update(node.metadata.name).digest("hex").slice(0, 10)}`;
  const ref = { apiVersion: "v1", kind: "Pod", namespace: SYSTEM_NAMESPACE, name };
  if ((await kube.get(ref)) === null) await kube.create(shellPod(name, node));
  await waitFor({
    what: `pod ${SYSTEM_NAMESPACE}/${name} on ${node.metadata.name} running`,
    timeoutMs: READY_MS,
    everyMs: 200,
    probe: async () => {
      const pod = await kube.get(ref);
      const state = pod?.status?.containerStatuses?.[0]?.state;
      if (state?.running !== undefined) return { done: true, value: undefined };
      return { done: false, saw: `phase ${pod?.status?.phase ?? "none"} ${JSON.stringify(state ?? {})}` };
    },
  });
  return name;
}

function shellPod(name: string, node: KubeObject) {
  // Merged /usr: what the links in the root lead to.
  const paths = { usr: "/usr", lib: "/usr/lib", lib64: "/usr/lib64" };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: SYSTEM_NAMESPACE, labels: { [LABEL_OWNER]: OWNER, [NODE_SHELL_LABEL]: "" } },
    spec: {
      nodeName: node.metadata.name,
      hostPID: true,
      hostNetwork: true,
      tolerations: [{ operator: "Exists" }],
      restartPolicy: "Always",
      terminationGracePeriodSeconds: 0,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      containers: [
        {
          name: CONTAINER,
          image: sandboxImage(node),
          imagePullPolicy: "IfNotPresent",
          securityContext: { privileged: true, runAsUser: 0 },
          volumeMounts: Object.keys(paths).map((key) => ({ name: key, mountPath: `/${key}`, readOnly: true })),
        },
      ],
      volumes: Object.entries(paths).map(([key, path]) => ({ name: key, hostPath: { path } })),
    },
  };
}

function sandboxImage(node: KubeObject): string {
  const names: string[] = (node.status?.images ?? []).flatMap((image: { names?: string[] }) => image.names ?? []);
  const found = names.find((name) => /\/pause:[^@]+$/.test(name));
  if (found !== undefined) return found;
  throw new FaultlineError("cluster", `node ${node.metadata.name} does not tell the image of its sandboxes`, {
    fix: "run the command on the machine whose Docker runs the nodes",
  });
}
