/**
 * Lookups of outside names in a hermetic cluster. The engine's resolver asks on behalf of a container from inside its
 * network, where the rule rejects it; but a name server on the host's loopback it asks from the host itself, where no
 * rule for the bridge applies. There the cluster's own DNS is told to ask an address that is nobody's.
 */
import type { Kube } from "./kube.ts";

/** Kept for documentation by RFC 5737: what is sent there is rejected like everything else. */
const NOBODY = "192.0.2.53";

/** Whether a container's resolv.conf, as Docker 26 and newer comment it, says that the host itself is the one who asks. */
export function asksFromHost(resolvConf: string): boolean {
  return /^#\s*ExtServers:.*\bhost\(/m.test(resolvConf);
}

/** A Corefile whose outside names are asked for at `NOBODY`. */
export function withoutUpstream(corefile: string): string {
  return corefile.replace(/^(\s*forward\s+\.\s+).*?(\s*\{)?$/gm, `$1${NOBODY}$2`);
}

/** Changes CoreDNS's config and starts its pods anew; the old ones answer until the new ones do. */
export async function keepLookupsInside(kube: Kube): Promise<void> {
  const config = { apiVersion: "v1", kind: "ConfigMap", namespace: "kube-system", name: "coredns" };
  const corefile: unknown = (await kube.get(config))?.data?.Corefile;
  if (typeof corefile !== "string") return; // not CoreDNS: whoever installed it decides
  await kube.patch(config, { data: { Corefile: withoutUpstream(corefile) } });
  const deployment = { apiVersion: "apps/v1", kind: "Deployment", namespace: "kube-system", name: "coredns" };
  const annotations = { "faultline.dev/upstream": NOBODY };
  await kube.patch(deployment, { spec: { template: { metadata: { annotations } } } });
}
