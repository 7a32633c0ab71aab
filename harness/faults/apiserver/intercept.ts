/**
 * Requests of chosen pods to the API server go through a proxy of ours that can misbehave. Connections that were open
 * before are not touched by a NAT rule, so a second rule resets whatever still goes to the API server itself: packets
 * that were redirected have another destination by then. Clients built on client-go take a reset for the plain end of a
 * watch and connect again at once; any other broken connection makes them back off, each time longer, up to a minute.
 */
import { SYSTEM_NAMESPACE } from "../../cluster/labels.ts";
import { API_PORT, ensureSystemNamespace, removeAgent, removeObject, resetAgent, startAgent } from "../agent/pod.ts";
import type { Target } from "../agent/pod-network.ts";
import { bypassRules, type Redirect, removeRules } from "../agent/redirect.ts";
import { type Address, toAddresses } from "../agent/rules.ts";
import type { FaultContext } from "../fault.ts";
import { labelsOf, metadataOf } from "../names.ts";
import { certificateNames } from "./addresses.ts";
import { servingCertificate } from "./certificate.ts";

export type Interception = {
  readonly id: string;
  readonly clients: readonly Target[];
  /** Where a client may reach the API server: the service's address and the real ones, `ip:port`. */
  readonly apiServer: readonly Address[];
};

/** Words of `faultName` for all faults that redirect a client of the API server. */
export const API_WORDS = ["lag", "api"];

/** The proxy stands on the node of the first client. @returns its IP. */
export async function startApiProxy(undo: Interception, context: FaultContext): Promise<string> {
  const { kube } = context.cluster;
  const certificate = await servingCertificate(kube, {
    id: undo.id,
    names: certificateNames(undo.apiServer),
    labels: labelsOf(undo.id, context.runId),
    // The arm's own limit is far below; the cluster signs for at most what it allows.
    lifeSeconds: 24 * 3_600,
    signal: context.signal,
  });
  await ensureSystemNamespace(kube);
  await kube.apply({
    apiVersion: "v1",
    kind: "Secret",
    metadata: metadataOf(undo.id, undo.id, context.runId),
    type: "kubernetes.io/tls",
    stringData: { "tls.crt": certificate.certificatePem, "tls.key": certificate.keyPem },
  });
  const node = undo.clients[0]?.node ?? "";
  return startAgent(context, { name: undo.id, id: undo.id, role: "api", node, secret: undo.id });
}

/**
 * The rules that send the clients to a proxy that is there already.
 * @param idle what becomes of connections that carry nothing at the moment: the next packet on them is reset, or they are
 * ended at once, and the client sees them aborted.
 */
export function interceptionOf(undo: Interception, proxyIp: string, idle: "at-next-packet" | "at-once"): Redirect {
  const begin = idle === "at-once" ? { begin: endConnections(undo.apiServer) } : {};
  return { ...redirectOf(undo, proxyIp), ...begin };
}

/** New connections go to the API server itself; those of the proxy end with a reset, by the proxy or else by the kernel. */
export async function endInterception(undo: Interception, context: FaultContext): Promise<void> {
  await bypassRules(context, undo.id, toAddresses("nat", undo.apiServer, "ACCEPT"));
  const wereReset = (await resetAgent(context, undo.id)) !== null;
  // A dead proxy tells nobody: connections to it would hang until their keep-alive gives up.
  const { id, settle } = redirectOf(undo, "");
  await removeRules(context, { id, settle: wereReset ? "" : settle });
  await removeApiProxy(context, undo.id);
}

async function removeApiProxy(context: FaultContext, name: string): Promise<void> {
  await removeAgent(context, name);
  await removeObject(context, { apiVersion: "v1", kind: "Secret", namespace: SYSTEM_NAMESPACE, name });
  await removeObject(context, { apiVersion: "certificates.k8s.io/v1", kind: "CertificateSigningRequest", name });
}

function redirectOf({ id, apiServer }: Interception, proxyIp: string): Redirect {
  return {
    id,
    rules: [
      ...toAddresses("nat", apiServer, `DNAT --to-destination ${proxyIp}:${API_PORT}`),
      ...toAddresses("filter", apiServer, "REJECT --reject-with tcp-reset"),
    ],
    settle: endConnections(apiServer),
  };
}

/** For connections that nobody is left to reset: the client sees them aborted, and backs off. */
export function endConnections(to: readonly Address[]): string {
  const filter = to.map((address) => {
    const [ip, port] = address.split(":");
    return `'(' dst ${ip} and dport = :${port} ')'`;
  });
  return `nsenter --net="$1" ss --kill --tcp ${filter.join(" or ")}`;
}
