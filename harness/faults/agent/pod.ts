/** Pods of ours that stand between a client and the cluster, or answer as canaries. One image, one program, many roles. */
import { fileURLToPath } from "node:url";
import type { Kube, KubeObject, Ref } from "../../cluster/kube.ts";
import { LABEL_OWNER, OWNER, SYSTEM_NAMESPACE } from "../../cluster/labels.ts";
import { waitFor } from "../../cluster/wait.ts";
import { FaultlineError } from "../../errors.ts";
import type { Json, Manifest } from "../../types.ts";
import type { FaultContext } from "../fault.ts";
import { metadataOf } from "../names.ts";

/** Built like a workload's image: once per content, and baked into a new cluster's nodes where the runner asks for it. */
export const AGENT_IMAGE = {
  name: "faultline-agent",
  context: fileURLToPath(new URL("../agent-image", import.meta.url)),
} as const;

/** Ports of the roles, as the program has them. */
export const API_PORT = 8_443;
export const DNS_PORT = 5_353;
export const HTTP_PORT = 8_081;
export const CONTROL_PORT = 8_080;

export interface AgentPod {
  readonly name: string;
  readonly id: string;
  readonly role: "api" | "dns" | "http" | "canary";
  readonly node: string;
  /** Secret with `tls.crt` and `tls.key`; of the role `api` alone. */
  readonly secret?: string;
  /** More of its environment, as its role reads it. */
  readonly env?: Readonly<Record<string, string>>;
}

/** The harness's own namespace; it stays, as the ingress controller does. */
export async function ensureSystemNamespace(kube: Kube): Promise<void> {
  const metadata = { name: SYSTEM_NAMESPACE, labels: { [LABEL_OWNER]: OWNER } };
  await kube.apply({ apiVersion: "v1", kind: "Namespace", metadata });
}

/** Creates the pod if it is not there and waits until its control port answers. @returns its IP. */
export async function startAgent(context: FaultContext, agent: AgentPod): Promise<string> {
  const { kube } = context.cluster;
  await ensureSystemNamespace(kube);
  const ref = { apiVersion: "v1", kind: "Pod", namespace: SYSTEM_NAMESPACE, name: agent.name };
  if ((await kube.get(ref)) === null) {
    const images = await context.cluster.loadImages([AGENT_IMAGE]);
    const image = images[AGENT_IMAGE.name];
    if (image === undefined) throw new FaultlineError("internal", `no reference for image ${AGENT_IMAGE.name}`);
    await kube.create(podManifest(agent, image, context.runId));
  }
  return waitFor({
    what: `pod ${SYSTEM_NAMESPACE}/${agent.name} answering`,
    timeoutMs: Math.min(60_000, context.budgetMs),
    everyMs: 100,
    signal: context.signal,
    probe: async () => {
      const pod = await kube.get(ref);
      const ip: unknown = pod?.status?.podIP;
      if (typeof ip !== "string") return { done: false, saw: `phase ${pod?.status?.phase ?? "none"}` };
      const { status } = await kube.podHttp({ ...ref, port: CONTROL_PORT }, { method: "GET", path: "/" });
      return status === 200 ? { done: true, value: ip } : { done: false, saw: `control port answered ${status}` };
    },
  });
}

/**
 * Sets what a pod's role does and its lease; also how the lease is renewed.
 * @returns the role's status.
 */
export async function setAgent(
  context: FaultContext,
  name: string,
  settings: { readonly [key: string]: Json },
  leaseMs: number,
): Promise<KubeObject> {
  const pod = { namespace: SYSTEM_NAMESPACE, name, port: CONTROL_PORT };
  const body = { settings, leaseMs };
  const answer = await context.cluster.kube.podHttp(pod, { method: "PUT", path: "/settings", body });
  if (answer.status !== 200) {
    throw new FaultlineError("fault", `${name} did not take its settings: HTTP ${answer.status} ${answer.body}`);
  }
  return JSON.parse(answer.body);
}

/**
 * The pod lets its clients go; asked again, it tells how far that is.
 * @returns the role's status; null where there is no such pod any more that could.
 */
export async function resetAgent(context: FaultContext, name: string): Promise<KubeObject | null> {
  const pod = { namespace: SYSTEM_NAMESPACE, name, port: CONTROL_PORT };
  const answer = await context.cluster.kube.podHttp(pod, { method: "PUT", path: "/reset" }).catch(() => null);
  return answer?.status === 200 ? JSON.parse(answer.body) : null;
}

/** Right if it is gone. It has let its clients go by then, and nobody waits for its last words. */
export async function removeAgent(context: FaultContext, name: string): Promise<void> {
  await removeObject(context, { apiVersion: "v1", kind: "Pod", namespace: SYSTEM_NAMESPACE, name }, 0);
}

/** Right if it is gone; an API server that is away for a while is waited for. */
export async function removeObject(
  context: FaultContext,
  ref: Ref & { readonly name: string },
  gracePeriodSeconds?: number,
): Promise<void> {
  const options = gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds };
  await waitFor({
    what: `${ref.kind} ${ref.name} deleted`,
    timeoutMs: context.budgetMs,
    everyMs: 500,
    signal: context.signal,
    probe: async () => ({ done: true, value: await context.cluster.kube.delete(ref, options) }),
  });
}

function podManifest(agent: AgentPod, image: string, runId: string): Manifest {
  const volumes =
    agent.secret === undefined
      ? []
      : [
          { name: "tls", secret: { secretName: agent.secret } },
          // The cluster writes its CA into every namespace: the proxy checks whom it talks to.
          { name: "ca", configMap: { name: "kube-root-ca.crt" } },
        ];
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: metadataOf(agent.name, agent.id, runId),
    spec: {
      nodeName: agent.node,
      tolerations: [{ operator: "Exists" }],
      // A proxy that crashed comes back at the same address, without a fault until the next renewal.
      restartPolicy: "Always",
      terminationGracePeriodSeconds: 5,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      securityContext: { runAsNonRoot: true, runAsUser: 65_532, runAsGroup: 65_532 },
      containers: [
        {
          name: "agent",
          image,
          imagePullPolicy: "IfNotPresent",
          env: [
            { name: "ROLE", value: agent.role },
            { name: "NAME", value: agent.id },
            ...Object.entries(agent.env ?? {}).map(([name, value]) => ({ name, value })),
          ],
          volumeMounts: volumes.map(({ name }) => ({ name, mountPath: `/etc/faultline/${name}`, readOnly: true })),
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
          resources: { requests: { cpu: "10m", memory: "48Mi" } },
        },
      ],
      volumes,
    },
  };
}
