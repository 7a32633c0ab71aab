/** Puts right what runs left in a cluster, from the cluster's own ledger: for a machine that has no journal of them. */
import { LABEL_OWNER, LABEL_RUN, OWNER } from "../cluster/labels.ts";
import { readLock, releaseLockOf } from "../cluster/lock.ts";
import type { ClusterHandle } from "../cluster/provider.ts";
import { FaultlineError } from "../errors.ts";
import type { FaultContext } from "../faults/fault.ts";
import { seeded } from "../plan/random.ts";
import { attempts } from "./attempts.ts";
import { revertFault } from "./fault-step.ts";
import { type LedgerEntry, readLedger } from "./ledger.ts";
import { type Leftover, leftovers } from "./leftovers.ts";
import type { RunPorts } from "./ports.ts";
import type { Recovery } from "./recover.ts";
import { removeNamespace } from "./workload.ts";

export interface LedgerRecoveryOptions {
  /** For each fault, and for each namespace. */
  readonly timeoutMs: number;
}

/**
 * Reverts every fault of the ledger, newest first, removes runs' namespaces and the lock that a dead run left, then looks
 * everywhere. One that fails keeps none of the others from being tried.
 * @throws FaultlineError `cluster-busy` when a run holds the cluster.
 */
export async function recoverFromLedger(
  cluster: ClusterHandle,
  ports: Pick<RunPorts, "faultOf" | "progress">,
  options: LedgerRecoveryOptions,
): Promise<Recovery & { readonly leftovers: readonly Leftover[] }> {
  const lock = await readLock(cluster);
  if (lock !== null && !lock.stale) {
    throw new FaultlineError("cluster-busy", `cluster ${cluster.name} is in use by run ${lock.holder.runId}`, {
      fix: `stop it (process ${lock.holder.pid} on ${lock.holder.host}); a killed run frees the cluster after 30 s`,
      context: { holder: lock.holder },
    });
  }
  const { done, left, attempt } = attempts();
  for (const entry of await readLedger(cluster.kube)) {
    await attempt(`${entry.runId} ${entry.id} (${entry.kind})`, async () =>
      revertEntry(entry, cluster, ports, options),
    );
  }
  for (const namespace of await runNamespaces(cluster)) {
    await attempt(`namespace ${namespace}`, async () => {
      await removeNamespace(cluster.kube, namespace, options.timeoutMs);
      return `removed the namespace ${namespace}`;
    });
  }
  if (lock !== null) {
    await attempt("the cluster's lock", async () => {
      await releaseLockOf(cluster, lock.holder.runId);
      return `released the lock of ${lock.holder.runId}`;
    });
  }
  return { runId: `ledger of ${cluster.name}`, done, left, leftovers: await leftovers(cluster) };
}

async function revertEntry(
  entry: LedgerEntry,
  cluster: ClusterHandle,
  ports: Pick<RunPorts, "faultOf" | "progress">,
  { timeoutMs }: LedgerRecoveryOptions,
): Promise<string> {
  const context: FaultContext = {
    cluster,
    namespace: entry.namespace,
    faultId: entry.id,
    runId: entry.runId,
    random: seeded(0).fork(entry.id),
    signal: AbortSignal.timeout(timeoutMs),
    budgetMs: timeoutMs,
    images: {},
    log: ports.progress,
    observe: () => undefined,
  };
  // Its journal is on another machine; what was done is told, and struck from the ledger.
  const evidence = await revertFault(entry, ports.faultOf(entry.kind), entry.undo, context, () => undefined);
  return `reverted ${entry.runId} ${entry.id} (${entry.kind}, since ${entry.since}): ${evidence.because}`;
}

async function runNamespaces({ kube }: ClusterHandle): Promise<readonly string[]> {
  const found = await kube.list(
    { apiVersion: "v1", kind: "Namespace" },
    { labelSelector: `${LABEL_OWNER}=${OWNER},${LABEL_RUN}` },
  );
  return found.map((namespace): string => namespace.metadata.name);
}
