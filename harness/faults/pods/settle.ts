/** Waiting until what was hit is well again. */
import { waitFor } from "../../cluster/wait.ts";
import { FaultlineError } from "../../errors.ts";
import type { Evidence } from "../../types.ts";
import type { FaultContext } from "../fault.ts";
import { evidenceOf, type Finding } from "../node/findings.ts";

/**
 * Looks until nothing is in effect any more (`any`), or everything is (`all`), at most for `timeoutMs`.
 * @returns what was last seen; that it did not come to pass is no error here. @throws when nothing could be seen at all.
 */
export async function lookUntil(
  until: {
    readonly what: string;
    readonly wanted: boolean;
    readonly timeoutMs: number;
    /** Asked after each look: what was found will not change any more. */
    readonly isOver?: (findings: readonly Finding[]) => boolean;
  },
  context: FaultContext,
  look: () => Promise<readonly Finding[]>,
): Promise<Evidence> {
  let last: Evidence | null = null;
  try {
    return await waitFor({
      what: until.what,
      timeoutMs: until.timeoutMs,
      everyMs: 200,
      signal: context.signal,
      probe: async () => {
        const findings = await look();
        last = evidenceOf(findings, until.wanted ? "all" : "any");
        return last.effective === until.wanted || until.isOver?.(findings) === true
          ? { done: true, value: last }
          : { done: false, saw: last.because };
      },
    });
  } catch (error) {
    if (last !== null && error instanceof FaultlineError && error.code === "deadline") return last;
    throw error;
  }
}
