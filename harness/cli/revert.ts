/** `faultline revert`: puts right whatever earlier, killed runs left, and says what it did. */
import { FaultlineError, messageOf } from "../errors.ts";
import { needsRecovery, type Recovery, recover } from "../run/recover.ts";
import { listRuns, type RunFolder, runFolder } from "../run/run-folder.ts";
import { recoverPorts } from "./ports.ts";

export interface RevertOptions {
  readonly reports: string;
  readonly json: boolean;
}

/** @returns 0 when nothing is left, 3 when something could not be undone. */
export async function revertCommand(given: readonly string[], options: RevertOptions): Promise<number> {
  const folders = given.length > 0 ? given.map(runFolder) : unfinished(options.reports);
  const results: Recovery[] = [];
  for (const folder of folders) results.push(await recoverOne(folder));
  if (options.json) process.stdout.write(`${JSON.stringify(results)}\n`);
  else process.stdout.write(describe(results));
  return results.some((result) => result.left.length > 0) ? 3 : 0;
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
