/**
 * The lifecycle of a run. The runner alone owns control flow:
 *  1. the run's folder with the plan; the journal's first line
 *  2. the cluster, created, taken over from the run before or the one at hand, and its lock
 *  3. preflight: everything that can be refused before anything is touched
 *  4. each arm (arm.ts); the namespace of an arm is removed while the next one deploys
 *  5. the lock released, the cluster removed unless it is kept or a run after this one takes it over
 *  6. the journal's last line
 * Judging and reporting come after, from the folder alone.
 */
import { appendFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import type { ClusterHandle, UpRequest } from "../cluster/provider.ts";
import { FaultlineError, messageOf } from "../errors.ts";
import type { Capability } from "../faults/fault.ts";
import { type Journal, openJournal, readJournal } from "../journal/journal.ts";
import { openFaults, openNamespaces } from "../journal/open-faults.ts";
import { clusterOfAll } from "../plan/share.ts";
import type { Plan, Problem } from "../types.ts";
import { runArm } from "./arm.ts";
import { processStart, type RunClock, startClock } from "./clock.ts";
import type { RunPorts } from "./ports.ts";
import { preflight } from "./preflight.ts";
import { needsRecovery } from "./recover.ts";
import { createRunFolder, listRuns, type RunFolder } from "./run-folder.ts";
import { removeNamespace } from "./workload.ts";

export interface RunOptions {
  readonly plan: Plan;
  readonly reports: string;
  /** A running cluster of ours to use; default: one is created for this run. */
  readonly cluster?: string;
  /** It was created by a run before this one, which left it to this one. */
  readonly isTakenOver?: boolean;
  /** Plans that are to run on the same cluster next, see plan/share.ts: it is created for them too. */
  readonly next?: readonly Plan[];
  /** The created cluster stays. */
  readonly keep: boolean;
  readonly signal: AbortSignal;
  readonly versions: Readonly<Record<string, string>>;
}
export interface ClusterLock {
  /** Whoever held it and was killed; null where it was free. */
  readonly previous: { readonly runId: string } | null;
  release(): Promise<void>;
}
export interface RunnerPorts extends RunPorts {
  /** @throws FaultlineError `cluster-busy` with the name of the run that holds it. */
  readonly lock: (cluster: ClusterHandle, runId: string, onLost: (why: string) => void) => Promise<ClusterLock>;
  readonly missingCapabilities: (
    cluster: ClusterHandle,
    needs: readonly Capability[],
  ) => Promise<ReadonlyMap<Capability, string>>;
}

/** Thrown when a plan cannot run on this cluster; carries every problem. */
export class RefusedError extends FaultlineError {
  readonly problems: readonly Problem[];
  constructor(problems: readonly Problem[]) {
    super("usage", problems.map(({ path, message }) => `${path}: ${message}`).join("\n"));
    this.problems = problems;
  }
}

export interface RunResult {
  /** Closed. */
  readonly folder: RunFolder;
  /** What ended the run early, if anything did. */
  readonly error: unknown;
  /** The cluster that the next run takes over; null: it has to have its own. */
  readonly leftTo: string | null;
}

/**
 * Runs a plan.
 * @throws RefusedError when preflight refuses; the cluster is then as it was, and one that was created is gone.
 */
export async function run(options: RunOptions, given: RunnerPorts): Promise<RunResult> {
  const clock = startClock();
  const folder = createRunFolder(options.reports, options.plan, new Date(clock.originWallMs));
  const journal = openJournal(folder.journal, clock.now);
  const ports = { ...given, progress: alsoInto(folder, clock, given.progress) };
  journal.append({
    type: "run-start",
    schemaVersion: 1,
    runId: folder.runId,
    wallMs: clock.originWallMs,
    monotonicNs: clock.originNs.toString(),
    pid: process.pid,
    pidStart: processStart(process.pid),
    host: hostname(),
    keep: options.keep,
    versions: options.versions,
  });
  let outcome: "complete" | "interrupted" | "failed" = "complete";
  let error: unknown = null;
  let leftTo: string | null = null;
  try {
    leftTo = await withCluster(options, ports, journal, folder, clock);
  } catch (caught) {
    error = caught;
    outcome = options.signal.aborted ? "interrupted" : "failed";
    const code = caught instanceof FaultlineError ? caught.code : "internal";
    journal.append({ type: "error", message: messageOf(caught), code });
  }
  journal.append({ type: "run-end", outcome, dirty: isDirty(folder) });
  journal.close();
  if (error instanceof RefusedError) throw error;
  return { folder, error, leftTo };
}

async function withCluster(
  options: RunOptions,
  ports: RunnerPorts,
  journal: Journal,
  folder: RunFolder,
  clock: RunClock,
): Promise<string | null> {
  const { plan, next = [] } = options;
  const name = options.cluster ?? `faultline-${folder.runId.split("-").at(-1)}`;
  const lost = new AbortController();
  const signal = AbortSignal.any([options.signal, lost.signal]);
  const request = {
    name,
    spec: clusterOfAll(plan, next),
    images: [plan, ...next].flatMap((one) => imagesOf(one, ports.faultOf)),
    keep: options.keep,
    signal,
    onProgress: ports.progress,
  };
  if (options.cluster === undefined) journal.append({ type: "note", message: `creating cluster ${name}` });
  const cluster = await (options.cluster === undefined ? ports.provider.up(request) : attach(request, options, ports));
  const { kubeconfig, settings } = cluster;
  const created = cluster.created || options.isTakenOver === true;
  journal.append({ type: "cluster", name, kubeconfig, created, settings });
  let isLeft = false;
  try {
    const onLost = (why: string) => lost.abort(new FaultlineError("cluster-busy", why));
    const lock = await ports.lock(cluster, folder.runId, onLost);
    try {
      refuseDirty(options.reports, lock.previous);
      await arms({ ...options, signal }, ports, journal, folder, clock, cluster);
      isLeft = created && next.length > 0 && !isDirty(folder);
    } finally {
      await lock.release();
    }
    return isLeft ? name : null;
  } finally {
    if (created && !isLeft && !options.keep && !isDirty(folder)) {
      ports.progress(`removing cluster ${name}`);
      await ports.provider.down(name, ports.progress);
    }
  }
}

async function attach(
  request: UpRequest,
  options: RunOptions,
  { provider, progress }: RunPorts,
): Promise<ClusterHandle> {
  try {
    return await provider.attach(request);
  } catch (error) {
    // Nobody else would remove it.
    if (options.isTakenOver === true && !options.keep) await provider.down(request.name, progress);
    throw error;
  }
}

async function arms(
  options: RunOptions,
  ports: RunnerPorts,
  journal: Journal,
  folder: RunFolder,
  clock: RunClock,
  cluster: ClusterHandle,
): Promise<void> {
  const { plan, signal } = options;
  const problems = await preflight(plan, cluster, {
    faultOf: ports.faultOf,
    missingCapabilities: async (needs) => ports.missingCapabilities(cluster, needs),
  });
  if (problems.length > 0) throw new RefusedError(problems);
  const images = await cluster.loadImages(imagesOf(plan, ports.faultOf));
  const removals: Promise<void>[] = [];
  try {
    for (const [i, arm] of plan.arms.entries()) {
      const numbered = {
        ...ports,
        progress: (line: string) => ports.progress(`[${i + 1}/${plan.arms.length}] ${line}`),
      };
      try {
        await runArm({ plan, arm, cluster, images, folder, journal, clock, ports: numbered, signal });
      } finally {
        removals.push(
          remove(cluster, arm.name, arm.namespace, plan.limits.revertMs, journal).catch((error: unknown) =>
            ports.progress(messageOf(error)),
          ),
        );
      }
    }
  } finally {
    await Promise.all(removals);
  }
}

async function remove(
  cluster: ClusterHandle,
  arm: string,
  namespace: string,
  timeoutMs: number,
  journal: Journal,
): Promise<void> {
  await removeNamespace(cluster.kube, namespace, timeoutMs);
  journal.append({ type: "removed", arm, namespace });
}

/** Those of the workload and of the faults' own pods: what is baked into the node image is not loaded later. */
function imagesOf(plan: Plan, faultOf: RunPorts["faultOf"]): UpRequest["images"] {
  const kinds = new Set(plan.arms.flatMap((arm) => arm.steps.map((step) => step.spec.kind)));
  return [...plan.images, ...[...kinds].flatMap((kind) => faultOf(kind).images ?? [])];
}

/** Something of ours is left in the cluster. */
function isDirty(folder: RunFolder): boolean {
  const journal = readJournal(folder.journal);
  return openFaults(journal).length > 0 || openNamespaces(journal).length > 0;
}

/** What a killed run left would be taken for this run's doing. */
function refuseDirty(reports: string, previous: ClusterLock["previous"]): void {
  const left = listRuns(reports).find((folder) => folder.runId === previous?.runId);
  if (left === undefined || !needsRecovery(left)) return;
  throw new FaultlineError("cluster-busy", `run ${left.runId} was killed on this cluster and may have left faults`, {
    fix: `faultline revert ${left.path}`,
  });
}

/** What people were told stays with the run. */
function alsoInto(folder: RunFolder, clock: RunClock, progress: (line: string) => void): (line: string) => void {
  return (line) => {
    appendFileSync(join(folder.path, "logs", "progress.txt"), `${(clock.now() / 1_000).toFixed(3)} s  ${line}\n`);
    progress(line);
  };
}
