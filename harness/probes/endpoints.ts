/** The addresses of a service as its EndpointSlices show them. */
import type { KubeObject, WatchHandle } from "../cluster/kube.ts";
import { gapObserver, type ProbeContext } from "./probe.ts";

export interface Address {
  readonly pod: string | null;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
}
export type Addresses = ReadonlyMap<string, Address>;

/** The API leaves conditions out where they are unknown: ready and serving then count as true, terminating as false. */
export function addressesOf(slice: KubeObject): Addresses {
  const rows: [string, Address][] = [];
  for (const endpoint of slice.endpoints ?? []) {
    const { ready = true, serving = ready, terminating = false } = endpoint.conditions ?? {};
    const pod = endpoint.targetRef?.kind === "Pod" ? endpoint.targetRef.name : null;
    for (const ip of endpoint.addresses ?? []) rows.push([ip, { pod, ready, serving, terminating }]);
  }
  return new Map(rows);
}

export interface AddressChange extends Address {
  readonly ip: string;
  /** false: it left the slice. */
  readonly present: boolean;
}

export function addressChanges(before: Addresses, after: Addresses): readonly AddressChange[] {
  const changes: AddressChange[] = [];
  for (const [ip, address] of after) {
    if (!isSame(before.get(ip), address)) changes.push({ ip, ...address, present: true });
  }
  for (const [ip, { pod }] of before) {
    if (!after.has(ip)) changes.push({ ip, pod, ready: false, serving: false, terminating: false, present: false });
  }
  return changes;
}

function isSame(a: Address | undefined, b: Address): boolean {
  return (
    a !== undefined &&
    a.pod === b.pod &&
    a.ready === b.ready &&
    a.serving === b.serving &&
    a.terminating === b.terminating
  );
}

export async function watchEndpoints(name: string, service: string, context: ProbeContext): Promise<WatchHandle> {
  const slices = new Map<string, Addresses>();
  return context.cluster.kube.watch(
    { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", namespace: context.namespace },
    {
      labelSelector: `kubernetes.io/service-name=${service}`,
      onGap: gapObserver(name, "endpoints", context),
      onEvent: ({ type, object, monotonicNs }) => {
        const slice: string = object.metadata.name;
        const after = type === "DELETED" ? new Map() : addressesOf(object);
        const t = context.clock.fromMonotonicNs(monotonicNs);
        for (const change of addressChanges(slices.get(slice) ?? new Map(), after)) {
          context.observe({ t, probe: name, type: "endpoint", ...change });
        }
        slices.set(slice, after);
      },
    },
  );
}
