/** What a load script would fail on, and SLOs that it cannot fill, known before anything is touched. */
import { relative, resolve } from "node:path";
import { inspectScript } from "../load/driver.ts";
import { INGRESS_URL } from "../plan/refusals.ts";
import type { Phase, Plan, Problem } from "../types.ts";

/** Unsupported parts with their lines, and SLOs whose minSamples the offered rate cannot reach. */
export async function scriptProblems(plan: Plan): Promise<readonly Problem[]> {
  if (plan.loadScript === null) return [];
  const env = plan.arms[0]?.loadEnv ?? {};
  const filled = Object.fromEntries(
    Object.entries(env).map(([key, text]) => [key, text.replaceAll(INGRESS_URL, "http://127.0.0.1:1")]),
  );
  const { problems, scenarios } = await inspectScript({ scriptPath: resolve(plan.loadScript), env: filled });
  const found = problems.map(({ file, line, message }) => ({
    path: `${relative(process.cwd(), file)}:${line}`,
    message,
  }));
  const rates = scenarios.map((scenario) => scenario.ratePerSecond);
  if (rates.some((rate) => rate === null)) return found;
  const rate = rates.reduce<number>((sum, one) => sum + (one ?? 0), 0);
  return [...found, ...tooFewSamples(plan, rate)];
}

function tooFewSamples(plan: Plan, rate: number): Problem[] {
  const longestFault = Math.max(
    plan.phases.undisturbedMs,
    ...plan.arms.flatMap((arm) => arm.steps.map((step) => step.atMs + step.forMs)),
  );
  const { baselineMs, recoveryMs } = plan.phases;
  const lengths: Record<Phase, number> = {
    baseline: baselineMs,
    fault: longestFault,
    recovery: recoveryMs,
    run: baselineMs + longestFault + recoveryMs,
  };
  return plan.slos.flatMap((slo, i) => {
    if (slo.over !== "load") return [];
    const possible = Math.floor((rate * lengths[slo.during]) / 1_000);
    if (possible >= slo.minSamples) return [];
    return [
      {
        path: `slos[${i}].minSamples`,
        message: `the load offers at most ${possible} requests during "${slo.during}", fewer than ${slo.minSamples}; raise the rate, lengthen the phase or lower minSamples`,
      },
    ];
  });
}
