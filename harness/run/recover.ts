/** Puts right what an earlier, killed run left: from its folder alone, as often as you like. */

import { hostname } from "node:os";
import type { ClusterHandle } from "../cluster/provider.ts";
import { FaultlineError } from "../errors.ts";
import type { FaultContext } from "../faults/fault.ts";
import { type Journal, openJournal, readJournal } from "../journal/journal.ts";
import { closedClean, type OpenFault, openFaults, openNamespaces } from "../journal/open-faults.ts";
import { seeded } from "../plan/random.ts";
import type { JournalEntry, Plan } from "../types.ts";
import { attempts } from "./attempts.ts";
import { processStart, startClock } from "./clock.ts";
import { revertFault } from "./fault-step.ts";
import type { RunPorts } from "./ports.ts";
import { readPlan } from "./read-run.ts";
import type { RunFolder } from "./run-folder.ts";
import { removeNamespace } from "./workload.ts";

export interface RecoverPorts extends Pick<RunPorts, "provider" | "faultOf" | "progress"> {
  /** null when the cluster is gone, and everything in it. */
  readonly reach: (
    cluster: { readonly name: string; readonly kubeconfig: string },
    plan: Plan,
  ) => Promise<ClusterHandle | null>;
  readonly unlock: (cluster: ClusterHandle, runId: string) => Promise<void>;
}
export interface Recovery {
  readonly runId: string;
  /** What was done, a sentence each; empty: nothing was left. */
  readonly done: readonly string[];
  /** What could not be undone, with why. */
  readonly left: readonly string[];
}

/** The run wrote no clean last line, so something of it may be left. */
export function needsRecovery(folder: RunFolder): boolean {
  return !closedClean(readJournal(folder.journal));
}

/**
 * Reverts open faults newest first, removes the run's namespaces and lock, and the cluster if the run created it and
 * was not to keep it. One that fails keeps none of the others from being tried.
 * @throws FaultlineError `cluster-busy` when the run is still alive.
 */
export async function recover(folder: RunFolder, ports: RecoverPorts): Promise<Recovery> {
  const journal = readJournal(folder.journal);
  if (closedClean(journal)) return { runId: folder.runId, done: [], left: [] };
  refuseLiving(folder, journal);
  const plan = readPlan(folder);
  const start = startOf(journal);
  const clock = startClock();
  const offset = clock.originWallMs - start.wallMs;
  const writer = openJournal(folder.journal, () => clock.now() + offset);
  writer.append({ type: "note", message: `recovery by process ${process.pid} on ${hostname()}` });
  try {
    const result = await undoAll(folder, journal, plan, writer, ports);
    writer.append({ type: "run-end", outcome: "interrupted", dirty: result.left.length > 0 });
    return result;
  } finally {
    writer.close();
  }
}

async function undoAll(
  folder: RunFolder,
  journal: readonly JournalEntry[],
  plan: Plan,
  writer: Journal,
  ports: RecoverPorts,
): Promise<Recovery> {
  const { done, left, attempt } = attempts();
  const cluster = journal.findLast((entry) => entry.type === "cluster");
  const creating = journal.find((entry) => entry.type === "note" && entry.message.startsWith("creating cluster "));
  const half = creating?.type === "note" ? creating.message.slice("creating cluster ".length) : null;
  if (cluster?.type !== "cluster") {
    if (half !== null) {
      await attempt(`cluster ${half}`, async () => {
        await ports.provider.down(half, ports.progress);
        return `removed the cluster ${half}, which was being created`;
      });
    }
    return { runId: folder.runId, done, left };
  }
  const handle = await ports.reach(cluster, plan);
  if (handle === null) {
    noteGone(journal, writer);
    return { runId: folder.runId, done: [`the cluster ${cluster.name} is gone, and everything in it`], left };
  }
  for (const open of openFaults(journal)) {
    await attempt(`${open.id} (${open.kind})`, async () => revertOpen(open, folder, plan, handle, writer, ports));
  }
  for (const { arm, namespace } of openNamespaces(journal)) {
    await attempt(`namespace ${namespace}`, async () => {
      await removeNamespace(handle.kube, namespace, plan.limits.revertMs);
      writer.append({ type: "removed", arm, namespace });
      return `removed the namespace ${namespace}`;
    });
  }
  await attempt("the cluster's lock", async () => {
    await ports.unlock(handle, folder.runId);
    return `released the lock on ${cluster.name}`;
  });
  if (cluster.created && !startOf(journal).keep && left.length === 0) {
    await attempt(`cluster ${cluster.name}`, async () => {
      await ports.provider.down(cluster.name, ports.progress);
      return `removed the cluster ${cluster.name}, which the run had created`;
    });
  }
  return { runId: folder.runId, done, left };
}

async function revertOpen(
  open: OpenFault,
  folder: RunFolder,
  plan: Plan,
  cluster: ClusterHandle,
  writer: Journal,
  ports: RecoverPorts,
): Promise<string> {
  const arm = plan.arms.find((one) => one.name === open.arm);
  const context: FaultContext = {
    cluster,
    namespace: arm?.namespace ?? "",
    faultId: open.id,
    runId: folder.runId,
    images: {},
    random: seeded(plan.seed).fork(open.id),
    signal: AbortSignal.timeout(plan.limits.revertMs),
    budgetMs: plan.limits.revertMs,
    log: ports.progress,
    observe: () => undefined,
  };
  const evidence = await revertFault(open, ports.faultOf(open.kind), open.undo, context, (entry) =>
    writer.append(entry),
  );
  return `reverted ${open.id} (${open.kind}, it was ${open.state}): ${evidence.because}`;
}

/** With the cluster every fault and namespace in it is gone; the journal says so, so that nobody looks again. */
function noteGone(journal: readonly JournalEntry[], writer: Journal): void {
  for (const { id, arm, fault, kind } of openFaults(journal)) {
    const evidence = { effective: false, because: "the cluster is gone", values: {} };
    writer.append({ type: "fault", id, arm, fault, kind, state: "reverted", evidence });
  }
  for (const { arm, namespace } of openNamespaces(journal)) writer.append({ type: "removed", arm, namespace });
}

function refuseLiving(folder: RunFolder, journal: readonly JournalEntry[]): void {
  const start = startOf(journal);
  if (journal.at(-1)?.type === "run-end" || start.host !== hostname() || start.pid === process.pid) return;
  if (start.pidStart === "" || processStart(start.pid) !== start.pidStart) return;
  throw new FaultlineError("cluster-busy", `${folder.runId} is still running (process ${start.pid})`, {
    fix: `stop it with Ctrl-C, or: kill -INT ${start.pid}`,
  });
}

function startOf(journal: readonly JournalEntry[]): Extract<JournalEntry, { type: "run-start" }> {
  const start = journal[0];
  if (start?.type !== "run-start") throw new FaultlineError("journal", "a journal begins with run-start");
  return start;
}
