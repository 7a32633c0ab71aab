/** All that can be refused from a plan and the files it names, before there is a cluster. */
import type { Plan, Problem } from "../types.ts";
import { scriptProblems } from "./check-script.ts";
import { checkTargets } from "./check-targets.ts";

export async function planProblems(plan: Plan): Promise<readonly Problem[]> {
  const problems = [...checkTargets(plan), ...(await scriptProblems(plan))];
  const seen = new Set<string>();
  // Arms that are alike have the same mistake.
  return problems.filter(({ path, message }) => {
    const text = `${path}: ${message}`;
    return !seen.has(text) && seen.add(text);
  });
}
