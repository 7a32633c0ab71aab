/** A run's folder as data: all that judging and reporting may see. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { FaultlineError } from "../errors.ts";
import { readJournal } from "../journal/journal.ts";
import { readSamples } from "../load/samples.ts";
import { readUpstream } from "../probes/upstream-file.ts";
import type { ArmRecord, Observation, Plan, RunRecord } from "../types.ts";
import type { RunFolder } from "./run-folder.ts";

/**
 * Reads a run, whole or cut off: what is missing is null or shorter, never made up.
 * @throws FaultlineError `journal` when the folder holds no run of ours.
 */
export async function readRun(folder: RunFolder): Promise<RunRecord> {
  const journal = readJournal(folder.journal);
  const plan = readPlan(folder);
  const start = journal[0];
  if (start?.type !== "run-start") throw new FaultlineError("journal", `${folder.journal}: begins with no run-start`);
  const arms: Record<string, ArmRecord> = {};
  for (const { name } of plan.arms) arms[name] = await readArm(folder, name, start.monotonicNs);
  return { runId: start.runId, plan, journal, arms };
}

/** @throws FaultlineError `journal` when there is none, or one of a newer schema. */
export function readPlan(folder: RunFolder): Plan {
  const path = join(folder.path, "plan.json");
  let plan: Partial<Plan>;
  try {
    plan = JSON.parse(readFileSync(path, "utf8")) as Partial<Plan>;
  } catch (cause) {
    throw new FaultlineError("journal", `${path}: no plan can be read here`, { cause });
  }
  if (plan.schemaVersion === 1) return plan as Plan;
  throw new FaultlineError("journal", `${path}: schema version ${plan.schemaVersion} is not known here (1 is)`, {
    fix: "use the version of faultline that wrote it",
  });
}

async function readArm(folder: RunFolder, name: string, zeroNs: string): Promise<ArmRecord> {
  const { requests, upstream, observations } = folder.arm(name);
  const samples = either(requests);
  const rows = either(upstream);
  return {
    requests: samples === null ? null : await readSamples(samples, zeroNs),
    upstream: rows === null ? null : await readUpstream(rows),
    observations: readObservations(observations),
  };
}

/** The closed file, or the one that a crash left open. */
function either(path: string): string | null {
  return [`${path}.parquet`, `${path}.bin`].find((file) => existsSync(file)) ?? null;
}

/** Sorted by time: probes write side by side. A torn last line is left out. */
function readObservations(path: string): readonly Observation[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, "utf8").split("\n");
  return lines
    .flatMap((line, i) => {
      try {
        return line === "" ? [] : [JSON.parse(line) as Observation];
      } catch (cause) {
        if (i === lines.length - 1) return [];
        throw new FaultlineError("journal", `${path}:${i + 1}: this line is no observation`, { cause });
      }
    })
    .sort((a, b) => a.t - b.t);
}
