/** From what was found at each target to the evidence of one fault. */
import type { Evidence } from "../../types.ts";

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
