/** A step of setting up: what it needs, how to see that it is done, and how to do it. Steps are data; run.ts runs them. */
import { exec } from "../exec.ts";
import { findProgram } from "./machine.ts";

/** What a running step may use. */
export interface StepContext {
  /** Shows one line of progress. */
  readonly report: (line: string) => void;
  /** Fires when setting up is stopped. */
  readonly signal: AbortSignal;
}

export interface Step {
  readonly id: string;
  /** What is done, as a person reads it: "Go programs of the node image". */
  readonly title: string;
  /** Ids of the steps whose results this one uses. */
  readonly needs: readonly string[];
  /** Looks whether the result is there. Fast, changes nothing. */
  readonly isDone: () => Promise<boolean>;
  /** Makes the result; the result appears whole or not at all. */
  readonly run: (context: StepContext) => Promise<void>;
  /** What the user can do when it fails. */
  readonly fix: string;
  /** The commands by which it changes the system itself: shown and consented to before anything runs. */
  readonly systemCommands?: () => Promise<readonly string[]>;
  /** Wanted for itself, not only by a step that needs it. */
  readonly goal?: boolean;
}

/** The fix of every step that only downloads. */
export const NETWORK_FIX =
  "see what `faultline doctor` says about registries and proxies, then run `faultline setup` again";

/** An image that is there or not, under a name that changes with its content. */
export function imageStep(id: string, title: string, image: string): Pick<Step, "id" | "title" | "goal" | "isDone"> {
  const inspect = ["image", "inspect", "--format", "{{.Id}}", image];
  const isDone = async (): Promise<boolean> => {
    if (findProgram("docker") === undefined) return false;
    return (await exec("docker", inspect, { timeoutMs: 20_000, accept: "any" })).exitCode === 0;
  };
  return { id, title, goal: true, isDone };
}
