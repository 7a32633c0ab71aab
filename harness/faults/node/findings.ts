/** From what was found at each target to the evidence of one fault. */
import { waitFor } from "../../cluster/wait.ts";
import { FaultlineError } from "../../errors.ts";
import type { Evidence } from "../../types.ts";
import type { FaultContext } from "../fault.ts";

export interface Finding {
  readonly name: string;
  readonly inEffect: boolean;
  /** Half a sentence with the numbers; it follows the name. */
  readonly saw: string;
  readonly values?: Evidence["values"];
}

/** `all`: in effect everywhere, which is what a fault promises. `any`: somewhere, which is what a revert must end. */
export function evidenceOf(findings: readonly Finding[], effectiveWhen: "all" | "any"): Evidence {
  const inEffect = findings.filter((finding) => finding.inEffect).length;
  const alone = findings.length === 1;
  const values = findings.flatMap((finding) =>
    Object.entries(finding.values ?? {}).map(
      ([key, value]) => [alone ? key : `${finding.name}.${key}`, value] as const,
    ),
  );
  return {
    effective: effectiveWhen === "all" ? inEffect === findings.length : inEffect > 0,
    because:
      findings.length === 0
        ? "no target matched, and emptyTargets says to go on"
        : findings.map(({ name, saw }) => `${name}: ${saw}`).join("; "),
    values: { targets: findings.length, inEffect, ...Object.fromEntries(values) },
  };
}

/**
 * Looks at each target until nothing of the fault is found there, at most for the step's budget.
 * @returns what was found last; a target that does not come clean is no error here.
 */
export async function untilClean<T extends { readonly name: string }>(
  targets: readonly T[],
  context: FaultContext,
  lookAt: (target: T) => Promise<Finding>,
): Promise<Evidence> {
  const { budgetMs: timeoutMs, signal } = context;
  const findings = await Promise.all(
    targets.map(async (target) => {
      const { name } = target;
      let last: Finding = { name, inEffect: true, saw: "nothing could be seen of it" };
      const probe = async () => {
        last = await lookAt(target);
        return last.inEffect ? { done: false as const, saw: last.saw } : { done: true as const, value: last };
      };
      return await waitFor({ what: `${name} to be clean`, timeoutMs, everyMs: 100, signal, probe }).catch(
        (error: unknown): Finding => {
          if (!(error instanceof FaultlineError) || error.code !== "deadline") throw error;
          // A look that throws is the last thing that was seen.
          return { ...last, inEffect: true, saw: String(error.context.lastObservation) };
        },
      );
    }),
  );
  return evidenceOf(findings, "any");
}
