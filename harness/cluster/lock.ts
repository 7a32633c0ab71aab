/** One run at a time on a cluster: a Lease in the cluster itself, so that runs from other machines see it too. */
import { hostname } from "node:os";
import { FaultlineError, messageOf } from "../errors.ts";
import type { Kube, KubeObject } from "./kube.ts";
import { LABEL_OWNER, OWNER, SYSTEM_NAMESPACE } from "./labels.ts";
import type { ClusterHandle } from "./provider.ts";

const NAME = "faultline-run";
const REF = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", namespace: SYSTEM_NAMESPACE, name: NAME };
export interface LockTiming {
  readonly renewEveryMs: number;
  /** Not renewed for so long: whoever held it is gone. */
  readonly staleAfterMs: number;
}
const TIMING: LockTiming = { renewEveryMs: 10_000, staleAfterMs: 30_000 };

export interface LockHolder {
  readonly runId: string;
  readonly pid: number;
  readonly host: string;
  /** RFC 3339. */
  readonly since: string;
}
export interface RunLock {
  /** Whoever held it before and did not release it: its run may have left faults, `faultline revert` puts them right. */
  readonly previous: LockHolder | null;
  /** Right if it was lost meanwhile. */
  release(): Promise<void>;
}

const HOLDER = "faultline.dev/holder";

/**
 * Takes the cluster for a run, and keeps it by renewing.
 * @param onLost called once when another run took the lock over, or it could not be renewed before it went stale.
 * @throws FaultlineError `cluster-busy` with the run that holds it.
 */
export async function lockCluster(
  cluster: Pick<ClusterHandle, "name" | "kube">,
  runId: string,
  onLost: (why: string) => void = () => {},
  timing: LockTiming = TIMING,
): Promise<RunLock> {
  const { kube } = cluster;
  await kube.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: SYSTEM_NAMESPACE, labels: OURS } });
  const holder: LockHolder = { runId, pid: process.pid, host: hostname(), since: new Date().toISOString() };
  const { lease, previous } = await take(cluster, holder, timing);
  let version: string = lease.metadata.resourceVersion;
  let renewedAt = performance.now();
  let ended = false;

  const renew = async () => {
    try {
      const renewed = await replace(kube, leaseOf(holder, timing, version));
      version = renewed.metadata.resourceVersion;
      renewedAt = performance.now();
    } catch (error) {
      const taken = error instanceof FaultlineError && [404, 409].includes(Number(error.context.status));
      const stale = performance.now() - renewedAt > timing.staleAfterMs;
      if (ended || (!taken && !stale)) return; // a hiccup: the next turn tries again
      ended = true;
      clearInterval(timer);
      onLost(`the lock of cluster ${cluster.name} was lost: ${messageOf(error)}`);
    }
  };
  let renewing = Promise.resolve();
  const timer = setInterval(() => {
    renewing = renewing.then(renew);
  }, timing.renewEveryMs);
  timer.unref();

  return {
    previous,
    async release() {
      if (ended) return;
      ended = true;
      clearInterval(timer);
      await renewing;
      await releaseLockOf(cluster, runId);
    },
  };
}

/** Frees a cluster from a run that is dead. Right if it holds nothing, or another run took over meanwhile. */
export async function releaseLockOf(cluster: Pick<ClusterHandle, "kube">, runId: string): Promise<void> {
  const current = await cluster.kube.get(REF);
  if (current !== null && holderOf(current)?.runId === runId) await cluster.kube.delete(REF);
}

/** Who holds the cluster; null: nobody. `stale`: it has not renewed for so long that it is taken for dead. */
export async function readLock(
  cluster: Pick<ClusterHandle, "kube">,
): Promise<{ readonly holder: LockHolder; readonly stale: boolean } | null> {
  const lease = await cluster.kube.get(REF);
  const holder = lease === null ? null : holderOf(lease);
  return lease === null || holder === null ? null : { holder, stale: isStale(lease) };
}

const OURS = { [LABEL_OWNER]: OWNER };

async function take(cluster: Pick<ClusterHandle, "name" | "kube">, holder: LockHolder, timing: LockTiming) {
  const { kube } = cluster;
  const current = await kube.get(REF);
  const previous = current === null ? null : holderOf(current);
  if (current !== null && previous !== null && !isStale(current)) throw busy(cluster.name, previous);
  try {
    const lease =
      current === null
        ? await kube.create(leaseOf(holder, timing))
        : await replace(kube, leaseOf(holder, timing, current.metadata.resourceVersion));
    return { lease, previous };
  } catch (error) {
    // 409: another run was quicker by a moment.
    if (!(error instanceof FaultlineError) || error.context.status !== 409) throw error;
    const winner = await kube.get(REF);
    throw busy(cluster.name, winner === null ? null : holderOf(winner));
  }
}

function leaseOf(holder: LockHolder, timing: LockTiming, resourceVersion?: string) {
  return {
    apiVersion: REF.apiVersion,
    kind: REF.kind,
    metadata: {
      name: NAME,
      namespace: SYSTEM_NAMESPACE,
      labels: OURS,
      annotations: { [HOLDER]: JSON.stringify(holder) },
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    },
    spec: {
      holderIdentity: holder.runId,
      leaseDurationSeconds: Math.ceil(timing.staleAfterMs / 1000),
      acquireTime: micro(holder.since),
      renewTime: micro(new Date().toISOString()),
    },
  };
}

/** PUT, and not a patch: the resourceVersion in the body makes the server refuse it when anybody wrote in between. */
const replace = (kube: Kube, lease: ReturnType<typeof leaseOf>): Promise<KubeObject> =>
  kube.request("PUT", `/apis/${REF.apiVersion}/namespaces/${SYSTEM_NAMESPACE}/leases/${NAME}`, lease);

/** MicroTime has six digits, and the API takes no fewer. */
const micro = (time: string) => time.replace(/\.(\d{3})Z$/, ".$1000Z");

function holderOf(lease: KubeObject): LockHolder | null {
  const identity: string | undefined = lease.spec?.holderIdentity;
  if (identity === undefined || identity === "") return null;
  try {
    return JSON.parse(lease.metadata.annotations[HOLDER]) as LockHolder;
  } catch {
    return { runId: identity, pid: 0, host: "unknown", since: lease.spec.acquireTime ?? "unknown" };
  }
}

function isStale(lease: KubeObject): boolean {
  const renewed = Date.parse(lease.spec?.renewTime ?? "");
  const lasts = Number(lease.spec?.leaseDurationSeconds ?? 0) * 1000;
  return !Number.isFinite(renewed) || Date.now() - renewed > lasts;
}

function busy(name: string, holder: LockHolder | null): FaultlineError {
  const who =
    holder === null
      ? "another run"
      : `run ${holder.runId} (process ${holder.pid} on ${holder.host}, since ${holder.since})`;
  return new FaultlineError("cluster-busy", `cluster ${name} is in use by ${who}`, {
    fix: `Wait for it, or use another cluster. See it: kubectl -n ${SYSTEM_NAMESPACE} get lease ${NAME} -o yaml. A run that was killed frees the cluster after 30 s.`,
    context: { name, holder },
  });
}
