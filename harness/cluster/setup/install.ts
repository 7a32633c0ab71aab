/** Setting up: what is missing is found, consented to, and made. */
import { link, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { FaultlineError } from "../../errors.ts";
import { isAlive, processToken } from "../owner.ts";
import { home } from "../paths.ts";
import { waitFor } from "../wait.ts";
import { consent, refusal } from "./apt.ts";
import { engineInstalled, engineVersion } from "./engine.ts";
import { type SetupState, setupState } from "./index.ts";
import { isRoot, readRelease } from "./machine.ts";
import { missingSteps, runSteps, type StepListener } from "./run.ts";
import type { Step } from "./step.ts";
import { type Purpose, setupSteps } from "./steps.ts";
import { startEngineStep } from "./steps-engine.ts";
import { detectSurroundings, type Found } from "./surroundings.ts";
import { removeLeftovers } from "./workspace.ts";

export interface InstallOptions {
  readonly purpose: Purpose;
  /** System commands are consented to beforehand. */
  readonly yes: boolean;
  /** Asks on the terminal; undefined where there is none. */
  readonly ask: ((commands: readonly string[]) => Promise<boolean>) | undefined;
  /** Tells which surroundings were found and what will be run, before it is. */
  readonly onPlan: (found: Found, steps: readonly Step[]) => void;
  readonly listener: StepListener;
  readonly signal: AbortSignal;
}

/** Longer than setting up from nothing takes on a slow machine. */
const OTHER_SETUP_MS = 60 * 60_000;

/**
 * Brings the machine to where `setupState()` answers. Safe to repeat: what is there is not made again, and what an
 * interrupted run had finished is kept.
 * @throws FaultlineError `setup` with what failed, or with the commands that the user must run; `interrupted`.
 */
export async function install(options: InstallOptions): Promise<SetupState> {
  await mkdir(home(), { recursive: true });
  await using _lock = await lockSetup(options.signal);
  await removeLeftovers();
  await startStoppedEngine(options);
  const found = await findSurroundings();
  const steps = await missingSteps(setupSteps(found.surroundings, options.purpose));
  options.onPlan(found, steps);
  await requireConsent(steps, options);
  await runSteps(steps, options);
  return setupState();
}

/** An engine that is only stopped is started first: the images that it holds decide what else is missing. */
async function startStoppedEngine(options: InstallOptions): Promise<void> {
  if (!engineInstalled() || (await engineVersion()) !== undefined) return;
  const step = { ...startEngineStep(), needs: [] };
  await requireConsent([step], options);
  await runSteps([step], options);
}

/** Images that are here already say which surroundings they are of; only without them is the network asked. */
export async function findSurroundings(): Promise<Found> {
  const state = await setupState().catch(() => undefined);
  if (state === undefined) return detectSurroundings();
  return { surroundings: state.surroundings, because: "the images are here" };
}

async function requireConsent(steps: readonly Step[], options: InstallOptions): Promise<void> {
  const commands = (await Promise.all(steps.map((step) => step.systemCommands?.() ?? []))).flat();
  if (commands.length === 0) return;
  const facts = { isRoot: isRoot(), release: readRelease(), yes: options.yes, isTerminal: options.ask !== undefined };
  const answer = consent(facts);
  if (answer.kind === "refused") throw refusal(answer.because, commands);
  if (answer.kind === "ask" && !(await options.ask?.(commands))) throw refusal("the answer was no", commands);
}

/** One setup at a time: a second one waits, and then finds everything there. */
async function lockSetup(signal: AbortSignal): Promise<AsyncDisposable> {
  const path = join(home(), "setup.lock");
  await waitFor({
    what: "no other `faultline setup` runs",
    timeoutMs: OTHER_SETUP_MS,
    everyMs: 500,
    signal,
    probe: async () => {
      const taken = await takeLock(path);
      return taken === undefined ? { done: true, value: undefined } : { done: false, saw: `process ${taken} at it` };
    },
  });
  return { [Symbol.asyncDispose]: () => rm(path, { force: true }) };
}

/** @returns undefined when the lock is ours now, else the token of the process that holds it. */
async function takeLock(path: string): Promise<string | undefined> {
  const aside = `${path}.${process.pid}`;
  try {
    // Linked, not created: the lock never exists without its holder's name in it.
    await writeFile(aside, processToken());
    await link(aside, path);
    return undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") {
      const fix = "set FAULTLINE_HOME to a writable folder";
      throw new FaultlineError("usage", `cannot write ${path}`, { fix, cause: error });
    }
  } finally {
    await rm(aside, { force: true });
  }
  const holder = await readFile(path, "utf8").catch(() => "");
  if (isAlive(holder)) return holder;
  await rm(path, { force: true });
  return takeLock(path);
}
