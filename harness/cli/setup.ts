/** `faultline setup`: gets what this machine lacks. */
import { createInterface } from "node:readline/promises";
import { type InstallOptions, install } from "../cluster/setup/install.ts";
import { duration, rememberedDurations, showProgress } from "../cluster/setup/progress.ts";
import type { StepListener } from "../cluster/setup/run.ts";
import type { Step } from "../cluster/setup/step.ts";
import type { Purpose } from "../cluster/setup/steps.ts";
import type { Found } from "../cluster/setup/surroundings.ts";
import { FaultlineError, messageOf } from "../errors.ts";

export interface SetupOptions {
  readonly yes: boolean;
  /** run, test or bench. */
  readonly for: string;
  readonly json: boolean;
}

const PURPOSES: readonly string[] = ["run", "test", "bench"] satisfies Purpose[];

/** @returns 0 when the machine is set up, 1 when it is not; what failed and what to do is on stderr. */
export async function setupCommand(options: SetupOptions): Promise<number> {
  if (!PURPOSES.includes(options.for)) {
    throw new FaultlineError("usage", `--for takes ${PURPOSES.join(", ")}, not "${options.for}"`);
  }
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  // Not `once`: with no listener left, the library that ends child programs with us would end us at once.
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  const progress = showProgress(process.stderr);
  const listener = options.json ? jsonLines() : progress;
  try {
    const state = await install({
      purpose: options.for as Purpose,
      yes: options.yes,
      ask: process.stdin.isTTY && process.stderr.isTTY && !options.json ? ask : undefined,
      onPlan: options.json ? () => undefined : tellPlan,
      listener,
      signal: stop.signal,
    } satisfies InstallOptions);
    process.stdout.write(options.json ? `${JSON.stringify(state)}\n` : `set up: ${state.nodeImage}\n`);
    return 0;
  } catch (error) {
    if (!(error instanceof FaultlineError) || error.code !== "setup") throw error;
    if (options.json) process.stdout.write(`${JSON.stringify({ error: error.message, fix: error.fix ?? null })}\n`);
    process.stderr.write(`faultline setup: ${error.message}\n${error.fix === undefined ? "" : `  → ${error.fix}\n`}`);
    return 1;
  } finally {
    progress.close();
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
}

function tellPlan(found: Found, steps: readonly Step[]): void {
  process.stderr.write(`images: ${found.surroundings}, ${found.because}\n`);
  const before = rememberedDurations();
  for (const step of steps) {
    const last = before[step.id];
    process.stderr.write(`to do  ${step.title}${last === undefined ? "" : ` (${duration(last)} last time)`}\n`);
  }
}

async function ask(commands: readonly string[]): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(
      `These commands will be run as root:\n  ${commands.join("\n  ")}\nGo on? [y/N] `,
    );
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}

/** One JSON object a line: started and ended steps. */
function jsonLines(): StepListener {
  const write = (event: object) => process.stdout.write(`${JSON.stringify(event)}\n`);
  return {
    started: (step) => write({ event: "started", id: step.id, title: step.title }),
    line: () => undefined,
    ended: (step, durationMs, error) =>
      write({
        event: "ended",
        id: step.id,
        durationMs: Math.round(durationMs),
        error: error === undefined ? null : messageOf(error),
      }),
  };
}
