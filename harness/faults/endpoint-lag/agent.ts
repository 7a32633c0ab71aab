/** The pods of the fault: the delaying proxy next to the controller, and the canary. One image, one program. */
import { fileURLToPath } from "node:url";
import type { Kube } from "../../cluster/kube.ts";
import { LABEL_OWNER, OWNER, SYSTEM_NAMESPACE } from "../../cluster/labels.ts";
import { waitFor } from "../../cluster/wait.ts";
import { FaultlineError } from "../../errors.ts";
import type { Manifest } from "../../types.ts";
import type { FaultContext } from "../fault.ts";
import { metadataOf } from "../names.ts";

/** Built like a workload's image: once per content, and baked into a new cluster's nodes where the runner asks for it. */
export const AGENT_IMAGE = {
  name: "faultline-endpoint-lag-proxy",
  context: fileURLToPath(new URL("../endpoint-lag-proxy", import.meta.url)),
} as const;

export const PROXY_PORT = 8_443;
export const CONTROL_PORT = 8_080;

export interface AgentPod {
  readonly name: string;
  readonly id: string;
  readonly role: "proxy" | "canary";
  readonly node: string;
  /** Secret with `tls.crt` and `tls.key`; the proxy's alone. */
  readonly secret?: string;
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

export interface AgentStatus {
  readonly lagMs: number;
  readonly openWatches: number;
  readonly watchesInSync: number;
  readonly delayedRequests: number;
  readonly upstreamErrors: number;
}

/** Sets the lag and its lease; also how the lease is renewed. */
export async function setLag(
  context: FaultContext,
  name: string,
  body: { readonly lagMs: number; readonly leaseMs: number },
): Promise<AgentStatus> {
  const pod = { namespace: SYSTEM_NAMESPACE, name, port: CONTROL_PORT };
  const answer = await context.cluster.kube.podHttp(pod, { method: "PUT", path: "/lag", body });
  if (answer.status !== 200) {
    throw new FaultlineError("fault", `${name} did not take the lag: HTTP ${answer.status} ${answer.body}`);
  }
  return JSON.parse(answer.body) as AgentStatus;
}

/** The proxy lets its clients go. @returns false where there is no proxy any more that could. */
export async function resetClients(context: FaultContext, name: string): Promise<boolean> {
  const pod = { namespace: SYSTEM_NAMESPACE, name, port: CONTROL_PORT };
  const answer = await context.cluster.kube.podHttp(pod, { method: "PUT", path: "/reset" }).catch(() => null);
  return answer?.status === 200;
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
      // A proxy that crashed comes back at the same address, without lag until the next renewal.
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
          ],
          ports: [{ containerPort: PROXY_PORT }, { containerPort: CONTROL_PORT }],
          volumeMounts: volumes.map(({ name }) => ({ name, mountPath: `/etc/faultline/${name}`, readOnly: true })),
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
          resources: { requests: { cpu: "10m", memory: "48Mi" } },
        },
      ],
      volumes,
    },
  };
}
