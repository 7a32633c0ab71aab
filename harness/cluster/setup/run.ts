/** Runs steps: only those whose results are wanted and missing, independent ones side by side. */
import { FaultlineError, messageOf } from "../../errors.ts";
import type { Step } from "./step.ts";

/** Watches a run of steps. */
export interface StepListener {
  readonly started: (step: Step) => void;
  readonly line: (step: Step, line: string) => void;
  readonly ended: (step: Step, durationMs: number, error: unknown) => void;
}

export interface RunOptions {
  readonly listener: StepListener;
  readonly signal: AbortSignal;
}

/** The steps that must run, in the given order: goals that are not done, and whatever those need that is not done. */
export async function missingSteps(steps: readonly Step[]): Promise<Step[]> {
  const byId = new Map(steps.map((step) => [step.id, step]));
  const done = new Map(await Promise.all(steps.map(async (step) => [step.id, await step.isDone()] as const)));
  const missing = new Set<Step>();
  for (const step of steps) if (step.goal) want(step, []);
  return steps.filter((step) => missing.has(step));

  function want(step: Step, path: readonly string[]): void {
    if (path.includes(step.id))
      throw new FaultlineError("internal", `steps need each other: ${[...path, step.id].join(" → ")}`);
    if (done.get(step.id) === true || missing.has(step)) return;
    for (const id of step.needs) {
      const needed = byId.get(id);
      if (needed === undefined) throw new FaultlineError("internal", `step ${step.id} needs ${id}, which is no step`);
      want(needed, [...path, step.id]);
    }
    missing.add(step);
  }
}

/**
 * Runs `steps`, each as soon as those of its needs that are among `steps` are done. When one fails, what needs it is
 * left out, what runs beside it goes on: its result is kept for the next time.
 * @throws FaultlineError `setup` that names every step that failed, why, and what to do; `interrupted` when stopped.
 */
export async function runSteps(steps: readonly Step[], options: RunOptions): Promise<void> {
  const waiting = new Set(steps);
  const running = new Map<string, Promise<void>>();
  const unfinished = new Set(steps.map((step) => step.id));
  const failures: { readonly step: Step; readonly error: unknown }[] = [];
  while (true) {
    for (const step of waiting) {
      if (options.signal.aborted || step.needs.some((id) => unfinished.has(id))) continue;
      waiting.delete(step);
      running.set(step.id, runOne(step));
    }
    if (running.size === 0) break;
    await Promise.race(running.values());
  }
  if (options.signal.aborted)
    throw new FaultlineError("interrupted", "setup: stopped on request; run it again to go on");
  if (failures.length > 0) throw failed(failures, waiting);

  async function runOne(step: Step): Promise<void> {
    const startedAt = performance.now();
    options.listener.started(step);
    let failure: unknown;
    try {
      await step.run({ report: (line) => options.listener.line(step, line), signal: options.signal });
      unfinished.delete(step.id);
    } catch (error) {
      failure = error;
      failures.push({ step, error });
    }
    running.delete(step.id);
    options.listener.ended(step, performance.now() - startedAt, failure);
  }
}

function failed(
  failures: readonly { readonly step: Step; readonly error: unknown }[],
  left: ReadonlySet<Step>,
): FaultlineError {
  const reasons = failures.map(({ step, error }) => `${step.title}: ${messageOf(error)}`);
  const leftOut = left.size === 0 ? "" : `\nnot begun because of it: ${[...left].map((step) => step.title).join(", ")}`;
  return new FaultlineError("setup", `${reasons.join("\n")}${leftOut}`, {
    fix: failures
      .map(({ step, error }) => (error instanceof FaultlineError ? error.fix : undefined) ?? step.fix)
      .join("; "),
    cause: failures[0]?.error,
    context: { failed: failures.map(({ step }) => step.id), leftOut: [...left].map((step) => step.id) },
  });
}
