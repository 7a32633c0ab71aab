/** Several things to put right: each is tried, whatever became of the others. */
import { FaultlineError, messageOf } from "../errors.ts";

export interface Attempts {
  /** A sentence for each that worked. */
  readonly done: string[];
  /** What did not, with why and what to do. */
  readonly left: string[];
  /** Never throws. @param action says what it did. */
  attempt(what: string, action: () => Promise<string>): Promise<void>;
}

export function attempts(): Attempts {
  const done: string[] = [];
  const left: string[] = [];
  return {
    done,
    left,
    async attempt(what, action) {
      try {
        done.push(await action());
      } catch (error) {
        const fix = error instanceof FaultlineError && error.fix !== undefined ? `\n    ${error.fix}` : "";
        left.push(`${what}: ${messageOf(error)}${fix}`);
      }
    },
  };
}
