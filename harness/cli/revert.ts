/** `faultline revert`: puts right whatever earlier, killed runs left, from their journals or from a cluster's ledger. */
import { attachKubeconfig } from "../cluster/attach.ts";
import { FaultlineError, messageOf } from "../errors.ts";
import { faultOf } from "../faults/index.ts";
import { needsRecovery, type Recovery, recover } from "../run/recover.ts";
import { recoverFromLedger } from "../run/recover-ledger.ts";
import { listRuns, type RunFolder, runFolder } from "../run/run-folder.ts";
import { recoverPorts } from "./ports.ts";

export interface RevertOptions {
  readonly reports: string;
  /** Works from the ledger of this cluster instead of from journals. */
  readonly kubeconfig?: string;
  readonly json: boolean;
}

/** For each fault and each namespace, where no plan says how long. */
const LEDGER_TIMEOUT_MS = 120_000;

/** @returns 0 when nothing is left, 3 when something could not be undone. */
export async function revertCommand(given: readonly string[], options: RevertOptions): Promise<number> {
  if (options.kubeconfig !== undefined) return revertLedger(given, options.kubeconfig, options.json);
  const folders = given.length > 0 ? given.map(runFolder) : unfinished(options.reports);
  const results: Recovery[] = [];
  for (const folder of folders) results.push(await recoverOne(folder));
  if (options.json) process.stdout.write(`${JSON.stringify(results)}\n`);
  else process.stdout.write(describe(results));
  return results.some((result) => result.left.length > 0) ? 3 : 0;
}

/** From any machine that reaches the cluster; what is still there afterwards is listed. */
async function revertLedger(folders: readonly string[], kubeconfig: string, json: boolean): Promise<number> {
  if (folders.length > 0) {
    throw new FaultlineError(
      "usage",
      "a run's folder and --kubeconfig are two ways to find what is to be undone: give one",
    );
  }
  const cluster = await attachKubeconfig(kubeconfig);
  try {
    const progress = (line: string) => process.stderr.write(`${cluster.handle.name}: ${line}\n`);
    const result = await recoverFromLedger(cluster.handle, { faultOf, progress }, { timeoutMs: LEDGER_TIMEOUT_MS });
    const remains = result.leftovers.map(({ where, what }) => `${where}: ${what}`);
    const whole = { ...result, left: [...result.left, ...remains] };
    process.stdout.write(json ? `${JSON.stringify([whole])}\n` : describe([whole]));
    return whole.left.length > 0 ? 3 : 0;
  } finally {
    await cluster.close();
  }
}

/** Newest first, like the faults of one run. A folder whose journal is damaged is named, and does not hide the others. */
function unfinished(reports: string): readonly RunFolder[] {
  return listRuns(reports)
    .filter((folder) => {
      try {
        return needsRecovery(folder);
      } catch (error) {
        process.stderr.write(`faultline: passed over: ${messageOf(error)}\n`);
        return false;
      }
    })
    .reverse();
}

async function recoverOne(folder: RunFolder): Promise<Recovery> {
  const progress = (line: string) => process.stderr.write(`${folder.runId}: ${line}\n`);
  try {
    return await recover(folder, recoverPorts(progress));
  } catch (error) {
    const fix = error instanceof FaultlineError && error.fix !== undefined ? ` (${error.fix})` : "";
    return { runId: folder.runId, done: [], left: [`${messageOf(error)}${fix}`] };
  }
}

function describe(results: readonly Recovery[]): string {
  if (results.length === 0) return "nothing was left by any run\n";
  return results
    .flatMap(({ runId, done, left }) => [
      `${runId}:${done.length + left.length === 0 ? " nothing was left" : ""}`,
      ...done.map((sentence) => `  done  ${sentence}`),
      ...left.map((sentence) => `  LEFT  ${sentence}`),
    ])
    .map((line) => `${line}\n`)
    .join("");
}
