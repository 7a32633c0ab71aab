/** Under which addresses and names pods reach the API server. */
import type { Kube } from "../../cluster/kube.ts";
import { FaultlineError } from "../../errors.ts";

/** The address of the service `kubernetes` and those behind it, `ip:port`. */
export async function apiServerAddresses(kube: Kube): Promise<readonly string[]> {
  const namespace = "default";
  const service = await kube.get({ apiVersion: "v1", kind: "Service", namespace, name: "kubernetes" });
  const slices = await kube.list(
    { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", namespace },
    { labelSelector: "kubernetes.io/service-name=kubernetes" },
  );
  const behind = slices
    .filter((slice) => slice.addressType === "IPv4")
    .flatMap((slice): string[] =>
      slice.endpoints.flatMap((one: { addresses: string[] }) =>
        one.addresses.flatMap((ip) => slice.ports.map((port: { port: number }) => `${ip}:${port.port}`)),
      ),
    );
  const ip: string = service?.spec?.clusterIP ?? "";
  if (!/^\d+\.\d+\.\d+\.\d+$/.test(ip)) {
    throw new FaultlineError("fault", `the service kubernetes has the address "${ip}"; the redirect is IPv4 alone`);
  }
  return [...service.spec.ports.map((port: { port: number }) => `${ip}:${port.port}`), ...behind];
}

/** What a client of the API server may expect its certificate to name. */
export function certificateNames(apiServer: readonly string[]): readonly string[] {
  const service = [
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
  ];
  return [...service, ...new Set(apiServer.map((address) => address.split(":")[0] ?? ""))];
}
