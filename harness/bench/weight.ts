/** What the harness itself costs while four faults are in and 300 requests a second run; the load runner is not in it. Of the package as it is published: a checkout compiles as it goes. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { FaultlineError } from "../errors.ts";
import { readJournal } from "../journal/journal.ts";
import { installBuilt } from "../publish/build.ts";
import { listRuns } from "../run/run-folder.ts";

const EXPERIMENT = join(import.meta.dirname, "weight.experiment.ts");
const FAULTS = 4;
const LIMITS = { coreShare: 0.1, rssBytes: 120e6 } as const;
/** Of /proc's clock: USER_HZ, 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

export interface Weight {
  /** Share of one core, between the first moment with all faults in and the last one. */
  readonly coreShare: number;
  /** The largest that was seen then. */
  readonly rssBytes: number;
  readonly seconds: number;
}

/** @throws FaultlineError `internal` when the faults were never all in effect. */
export async function benchWeight(log: (line: string) => void): Promise<Weight> {
  const project = mkdtempSync(join(tmpdir(), "faultline-weight-"));
  const bin = await installBuilt(project);
  const experiment = join(project, basename(EXPERIMENT));
  writeFileSync(experiment, ofThePackage(readFileSync(EXPERIMENT, "utf8")));
  const reports = join(project, "reports");
  // As npm's link to it would: its first line says what Node it runs in, and how.
  const child = spawn(bin, ["run", experiment, "--reports", reports], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH}` },
  });
  child.stderr?.on("data", (chunk) => log(String(chunk).trimEnd()));
  const ended = once(child, "exit");
  const samples: { readonly atMs: number; readonly cpuSeconds: number; readonly rssBytes: number }[] = [];
  while (child.exitCode === null && child.pid !== undefined) {
    if (allIn(reports)) samples.push({ atMs: performance.now(), ...usageOf(child.pid) });
    await sleep(500);
  }
  await ended;
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined || last.atMs - first.atMs < 20_000) {
    throw new FaultlineError("internal", `the four faults were in for less than 20 s; see ${reports}`);
  }
  const seconds = (last.atMs - first.atMs) / 1_000;
  return {
    seconds,
    coreShare: (last.cpuSeconds - first.cpuSeconds) / seconds,
    rssBytes: Math.max(...samples.map(({ rssBytes }) => rssBytes)),
  };
}

/** As a user's experiment would name what it needs. */
const ofThePackage = (text: string) =>
  text.replace("../index.ts", "faultline").replaceAll("../../experiments/", "node_modules/faultline/experiments/");

export const keptWeight = ({ coreShare, rssBytes }: Weight): boolean =>
  coreShare <= LIMITS.coreShare && rssBytes <= LIMITS.rssBytes;

export function weightTable(weight: Weight): string {
  return [
    "| harness, four faults and 300 requests/s | measured | limit |",
    "| --- | ---: | ---: |",
    `| share of one core over ${weight.seconds.toFixed(0)} s | ${(weight.coreShare * 100).toFixed(1)} % | ${LIMITS.coreShare * 100} % |`,
    `| resident memory, MB | ${(weight.rssBytes / 1e6).toFixed(0)} | ${LIMITS.rssBytes / 1e6} |`,
  ].join("\n");
}

/** Every fault is in effect, and none is being reverted. */
function allIn(reports: string): boolean {
  const folder = listRuns(reports)[0];
  if (folder === undefined) return false;
  const states = new Map(
    readJournal(folder.journal).flatMap((entry) => (entry.type === "fault" ? [[entry.id, entry.state] as const] : [])),
  );
  return states.size === FAULTS && [...states.values()].every((state) => state === "effective");
}

function usageOf(pid: number): { readonly cpuSeconds: number; readonly rssBytes: number } {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
    rssBytes: Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024,
  };
}
