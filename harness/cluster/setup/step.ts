/** A step of setting up: what it needs, how to see that it is done, and how to do it. Steps are data; run.ts runs them. */

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
  /** Wanted for itself, not only by a step that needs it. */
  readonly goal?: boolean;
}
