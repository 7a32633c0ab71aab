/** `faultline run`: plan, run, judge, report; the exit code is the worst of all experiments. */
import { relative } from "node:path";
import { formatMs } from "../define/duration.ts";
import { FaultlineError, messageOf } from "../errors.ts";
import { readJournal } from "../journal/journal.ts";
import { openFaults, openNamespaces } from "../journal/open-faults.ts";
import { planMs } from "../plan/length.ts";
import { sharingClusters } from "../plan/share.ts";
import { readPlan } from "../run/read-run.ts";
import { listRuns, reportsProblems } from "../run/run-folder.ts";
import { RefusedError, type RunOptions, type RunResult, run } from "../run/runner.ts";
import { stopOnSignals } from "../run/signals.ts";
import type { Plan } from "../types.ts";
import { experimentFiles } from "./files.ts";
import { EXIT_INTERNAL, EXIT_USAGE } from "./main.ts";
import { planApart } from "./plan-apart.ts";
import { realPorts } from "./ports.ts";
import { printProblems } from "./problems.ts";
import { versions } from "./versions.ts";

export interface RunCommandOptions {
  readonly size: string;
  readonly reports: string;
  readonly seed?: number;
  readonly arm: readonly string[];
  readonly cluster?: string;
  readonly keep: boolean;
  readonly json: boolean;
}

type Where = Pick<RunOptions, "cluster" | "isTakenOver" | "next">;

/** A dirty cluster beats all; then a broken harness, bad input, violated, inconclusive. */
const WORST_FIRST = [3, EXIT_INTERNAL, EXIT_USAGE, 1, 2, 0];

export async function runCommand(given: readonly string[], options: RunCommandOptions): Promise<number> {
  const plans = await planAll(experimentFiles(given), options);
  if (plans === null) return EXIT_USAGE;
  const began = performance.now();
  const progress = (line: string) => {
    process.stderr.write(`${clockText(performance.now() - began)} ${line}\n`);
  };
  const stop = stopOnSignals(progress, () => sayWhatIsLeft(options.reports));
  const codes: number[] = [];
  try {
    for (const together of sharingClusters(plans)) {
      codes.push(...(await runTogether(together, options, progress, stop.signal)));
    }
  } finally {
    stop.release();
  }
  return WORST_FIRST.find((code) => codes.includes(code)) ?? 0;
}

/** On one cluster, which the first creates and the last removes; each takes it over as it found it. */
async function runTogether(
  plans: readonly Plan[],
  options: RunCommandOptions,
  progress: (line: string) => void,
  signal: AbortSignal,
): Promise<readonly number[]> {
  const codes: number[] = [];
  let leftTo: string | null = null;
  try {
    for (const [i, plan] of plans.entries()) {
      if (signal.aborted) break;
      const given = options.cluster === undefined ? {} : { cluster: options.cluster };
      const where: Where = leftTo === null ? given : { cluster: leftTo, isTakenOver: true };
      leftTo = null;
      const result = await runOne(plan, options, { ...where, next: plans.slice(i + 1) }, progress, signal);
      leftTo = result?.leftTo ?? null;
      codes.push(result === null ? EXIT_USAGE : await conclude(result, options.json, signal));
    }
  } finally {
    // Stopped between two of them, or the first could not be judged.
    if (leftTo !== null && !options.keep) await realPorts(progress).provider.down(leftTo, progress);
  }
  return codes;
}

/** Plans every file before the first is run, so that a mistake in the last is known at once. */
async function planAll(files: readonly string[], options: RunCommandOptions): Promise<readonly Plan[] | null> {
  const seed = options.seed === undefined ? {} : { seed: options.seed };
  const choices = files.map((file) => ({ file, size: options.size, arms: options.arm, ...seed }));
  const results = await Promise.all(choices.map(planApart));
  const plans: Plan[] = [];
  let refused = false;
  for (const [i, result] of results.entries()) {
    const file = files[i] ?? "";
    const problems = [...result.problems, ...reportsProblems(options.reports)];
    if ("plan" in result && problems.length === 0) plans.push(result.plan);
    else {
      printProblems(file, problems, options.json);
      refused = true;
    }
  }
  return refused ? null : plans;
}

/** @returns null when it was refused; why is printed. */
async function runOne(
  plan: Plan,
  options: RunCommandOptions,
  where: Where,
  progress: (line: string) => void,
  signal: AbortSignal,
): Promise<RunResult | null> {
  progress(`${plan.experiment}, size ${plan.size}, seed ${plan.seed}: ${plan.arms.map((arm) => arm.name).join(", ")}`);
  progress(`at most ${formatMs(planMs(plan))}${lastTime(options.reports, plan)}`);
  const { reports, keep } = options;
  try {
    return await run({ plan, reports, keep, signal, versions: await versions(), ...where }, realPorts(progress));
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    printProblems(plan.file, error.problems, options.json);
    return null;
  }
}

/** @returns the exit code. */
async function conclude({ folder, error }: RunResult, json: boolean, signal: AbortSignal): Promise<number> {
  // Loaded when it is needed: while faults are in, the harness takes no more memory than it must.
  const { judgeAndReport } = await import("./judge-and-report.ts");
  const code = await judgeAndReport(folder, json);
  if (error === null) return code;
  process.stderr.write(`faultline: ${messageOf(error)}\n`);
  if (error instanceof FaultlineError && error.fix !== undefined) process.stderr.write(`  → ${error.fix}\n`);
  return code === 3 ? 3 : signal.aborted ? 2 : EXIT_INTERNAL;
}

/** How long the same arms in the same size took when they last ran to their end here. */
function lastTime(reports: string, plan: Plan): string {
  const names = (of: Plan) => of.arms.map((arm) => arm.name).join();
  for (const folder of listRuns(reports).toReversed()) {
    try {
      const earlier = readPlan(folder);
      const end = readJournal(folder.journal).findLast((entry) => entry.type === "run-end");
      if (end?.type !== "run-end" || end.outcome !== "complete" || earlier.experiment !== plan.experiment) continue;
      if (earlier.size === plan.size && names(earlier) === names(plan)) return `; ${formatMs(end.t)} last time`;
    } catch {
      // A damaged folder says nothing about time; `faultline revert` names it.
    }
  }
  return "";
}

function sayWhatIsLeft(reports: string): void {
  for (const folder of listRuns(reports).slice(-1)) {
    const journal = readJournal(folder.journal);
    for (const open of openFaults(journal)) process.stderr.write(`left: ${open.id} (${open.kind}), ${open.state}\n`);
    for (const { namespace } of openNamespaces(journal)) process.stderr.write(`left: namespace ${namespace}\n`);
    process.stderr.write(`put right with: faultline revert ${relative(process.cwd(), folder.path)}\n`);
  }
}

function clockText(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  return `${String(Math.floor(seconds / 60)).padStart(2, "0")}:${String(seconds % 60).padStart(2, "0")}`;
}
