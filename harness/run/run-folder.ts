/** The folder of a run: what lies where, and making one. */
import { accessSync, constants, mkdirSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Plan, Problem } from "../types.ts";

export interface RunFolder {
  readonly path: string;
  readonly runId: string;
  readonly journal: string;
  arm(name: string): {
    readonly path: string;
    readonly observations: string;
    readonly requests: string;
    readonly upstream: string;
  };
}

/** Names the parts of a run's folder; touches nothing. */
export function runFolder(path: string): RunFolder {
  return {
    path,
    runId: path.split("/").at(-1) ?? path,
    journal: join(path, "journal.ndjson"),
    arm: (name) => {
      const arm = join(path, "arms", name);
      return {
        path: arm,
        observations: join(arm, "observations.ndjson"),
        requests: join(arm, "requests"),
        upstream: join(arm, "upstream"),
      };
    },
  };
}

/** Makes the folder of a new run with its plan, and points `latest` to it. */
export function createRunFolder(reports: string, plan: Plan, startedAt: Date): RunFolder {
  const runId = `${startedAt.toISOString().replace(/[-:]/g, "").slice(0, 15)}-${plan.seed.toString(36)}`;
  const folder = runFolder(resolve(reports, plan.experiment, runId));
  for (const arm of plan.arms) mkdirSync(folder.arm(arm.name).path, { recursive: true });
  mkdirSync(join(folder.path, "logs"), { recursive: true });
  writeFileSync(join(folder.path, "plan.json"), `${JSON.stringify(plan, null, 2)}\n`);
  const latest = join(dirname(folder.path), "latest");
  rmSync(latest, { force: true });
  symlinkSync(runId, latest);
  return folder;
}

/** Tries what `createRunFolder` will do: the nearest existing folder above must be writable. */
export function reportsProblems(reports: string): readonly Problem[] {
  let folder = resolve(reports);
  while (!exists(folder)) folder = dirname(folder);
  try {
    if (!statSync(folder).isDirectory()) return [{ path: "--reports", message: `${folder} is a file, not a folder` }];
    accessSync(folder, constants.W_OK);
    return [];
  } catch {
    return [{ path: "--reports", message: `${folder} is not writable; choose another folder with --reports` }];
  }
}

/** All run folders below `reports`, oldest first. */
export function listRuns(reports: string): readonly RunFolder[] {
  const folders = (path: string) => {
    try {
      return readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    } catch {
      return [];
    }
  };
  return folders(reports)
    .flatMap((experiment) =>
      folders(join(reports, experiment.name)).map((run) => resolve(reports, experiment.name, run.name)),
    )
    .map(runFolder)
    .filter((folder) => exists(folder.journal))
    .sort((a, b) => a.runId.localeCompare(b.runId));
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
