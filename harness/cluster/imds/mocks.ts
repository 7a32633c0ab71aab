/** Talking to the mocks and the canaries, all of a cluster side by side. */
import { FaultlineError } from "../../errors.ts";
import type { Json } from "../../types.ts";
import type { Ask, Round } from "../imds-server/canary.ts";
import type { MockStatus } from "../imds-server/control.ts";
import type { Change } from "../imds-server/settings.ts";
import type { ClusterHandle } from "../provider.ts";
import { IMDS } from "./address.ts";

type Cluster = Pick<ClusterHandle, "kube">;

export async function isImdsInstalled({ kube }: Cluster): Promise<boolean> {
  const ref = { apiVersion: "apps/v1", kind: "DaemonSet", namespace: IMDS.namespace, name: IMDS.name };
  return (await kube.get(ref)) !== null;
}

/** What every mock says of itself. @throws FaultlineError `cluster` when one cannot be asked. */
export async function readMocks(cluster: Cluster): Promise<readonly MockStatus[]> {
  return await eachMock(cluster, { method: "GET", path: "/status" });
}

/** Lays a change over all mocks for as long as the lease; the same again renews it. */
export async function holdChange(cluster: Cluster, id: string, change: Change, leaseMs: number): Promise<void> {
  await eachMock(cluster, { method: "PUT", path: `/held/${id}`, body: { change, leaseMs } });
}

/** Right where it is not held. */
export async function releaseChange(cluster: Cluster, id: string): Promise<void> {
  await eachMock(cluster, { method: "DELETE", path: `/held/${id}` });
}

export interface CanaryReport {
  readonly node: string;
  readonly rounds: readonly Round[];
}

/** Every canary asks the service as a pod does. @throws FaultlineError `cluster` when there is none. */
export async function askCanaries(cluster: Cluster, ask: Ask): Promise<readonly CanaryReport[]> {
  const pods = await podsOf(cluster, IMDS.canary);
  return await Promise.all(
    pods.map(async (pod) => ({
      node: pod.node,
      rounds: await send<readonly Round[]>(cluster, pod.name, { method: "PUT", path: "/ask", body: { ...ask } }),
    })),
  );
}

interface Request {
  readonly method: string;
  readonly path: string;
  readonly body?: Json;
}

async function eachMock(cluster: Cluster, request: Request): Promise<readonly MockStatus[]> {
  const pods = await podsOf(cluster, IMDS.name);
  return await Promise.all(pods.map(async ({ name }) => send<MockStatus>(cluster, name, request)));
}

async function send<T>({ kube }: Cluster, name: string, request: Request): Promise<T> {
  const pod = { namespace: IMDS.namespace, name, port: IMDS.controlPort };
  const { status, body } = await kube.podHttp(pod, request);
  if (status === 200) return JSON.parse(body) as T;
  throw new FaultlineError("cluster", `${name} answered ${request.method} ${request.path} with ${status}: ${body}`);
}

async function podsOf({ kube }: Cluster, app: string): Promise<readonly { name: string; node: string }[]> {
  const ref = { apiVersion: "v1", kind: "Pod", namespace: IMDS.namespace };
  const pods = await kube.list(ref, {
    labelSelector: `app.kubernetes.io/name=${app}`,
    fieldSelector: "status.phase=Running",
  });
  const living = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  if (living.length > 0) return living.map(({ metadata, spec }) => ({ name: metadata.name, node: spec.nodeName }));
  throw new FaultlineError("cluster", `no pod of ${IMDS.namespace}/${app} is running`, {
    fix: 'set cluster.imds to "mock": the run then brings the metadata service up before the first pod',
  });
}
