/**
 * From a closed run to its verdict. Pure: the same record gives the same verdict on any machine, at any time.
 *
 * 1. Each arm on its own (arm.ts): SLOs, mechanisms, reasons for doubt.
 * 2. The control gate: an SLO that fails without any fault says nothing about the faults, so all other arms are
 *    inconclusive.
 * 3. Critical findings: they stand, whatever the gate or a doubt says.
 * 4. The run: as expected when each arm is, and its exit code.
 */
import type { ArmVerdict, Plan, RunRecord, RunVerdict, Verdict } from "../types.ts";
import { judgeArm } from "./arm.ts";
import { unrevertedFaults } from "./faults.ts";
import { counted, oneSentence } from "./words.ts";

/** Judges a run. Missing or torn data makes arms inconclusive; nothing is thrown. */
export function judge(run: RunRecord): RunVerdict {
  const gated = controlGate(run.plan.arms.map((arm) => judgeArm(run, arm)));
  const arms = gated.map((arm) => withCritical(arm, run.plan));
  const left = dirt(run);
  const { verdict, because } = conclude(arms, run);
  const asExpected = arms.length > 0 && arms.every((arm) => arm.asExpected);
  const exitCode = left !== null ? 3 : asExpected ? 0 : verdict === "inconclusive" ? 2 : 1;
  return {
    schemaVersion: 1,
    experiment: run.plan.experiment,
    runId: run.runId,
    hypothesis: run.plan.hypothesis,
    verdict,
    asExpected,
    exitCode,
    because: left === null ? because : oneSentence([left, because]),
    models: modelsOf(run.plan),
    arms,
  };
}

function modelsOf(plan: Plan): readonly string[] {
  const steps = plan.arms.flatMap((arm) => arm.steps);
  return [
    ...new Set(steps.flatMap(({ spec, model }) => (model === undefined ? [] : [`${spec.kind} is a model: ${model}.`]))),
  ];
}

function controlGate(arms: readonly ArmVerdict[]): readonly ArmVerdict[] {
  const control = arms.find((arm) => arm.role === "control" && arm.slos.some((slo) => slo.verdict === "violated"));
  const broken = control?.slos.find((slo) => slo.verdict === "violated");
  if (control === undefined || broken === undefined) return arms;
  return arms.map((arm) => {
    if (arm.role === "control") return arm;
    const because = `The SLO already failed without a fault, in ${control.name}: ${broken.because}`;
    return { ...arm, verdict: "inconclusive", asExpected: arm.expected === "inconclusive", because };
  });
}

/** What was seen is seen: nothing that is missing beside it makes it less. */
function withCritical(arm: ArmVerdict, { mechanisms }: Plan): ArmVerdict {
  const critical = new Set(mechanisms.filter(({ role }) => role === "critical").map(({ name }) => name));
  const found = arm.mechanisms.find(({ name, verdict }) => critical.has(name) && verdict === "violated");
  if (found === undefined) return arm;
  const because = oneSentence([`${CRITICAL}${found.because}`, arm.because]);
  return { ...arm, verdict: "violated", asExpected: false, because };
}
const CRITICAL = "Critical: ";
const isCritical = (arm: ArmVerdict): boolean => arm.because.startsWith(CRITICAL);

/** held: every arm came out as expected. inconclusive: one that should not be is, and nothing critical was found. violated: all else. */
function conclude(
  arms: readonly ArmVerdict[],
  run: RunRecord,
): { readonly verdict: Verdict; readonly because: string } {
  const surprises = arms.filter((arm) => !arm.asExpected);
  if (arms.length === 0) return { verdict: "inconclusive", because: "The run has no arm." };
  if (surprises.length === 0) {
    const all = arms.length === 1 ? "The arm" : `All ${counted(arms.length, "arm")}`;
    return { verdict: "held", because: `${all} came out as expected.` };
  }
  const critical = surprises.find(isCritical);
  const open = critical === undefined ? surprises.find((arm) => arm.verdict === "inconclusive") : undefined;
  const [first] = open === undefined ? [critical ?? surprises[0]] : [open];
  const end = run.journal.findLast((entry) => entry.type === "run-end");
  const ended = end?.type === "run-end" ? end.outcome : "cut off";
  const parts = [
    `${surprises.length} of ${counted(arms.length, "arm")} did not come out as expected`,
    ...(first === undefined ? [] : [`${first.name} is ${first.verdict}, expected ${first.expected}: ${first.because}`]),
    ...(ended === "complete" ? [] : [`the run was ${ended}`]),
  ];
  return { verdict: open === undefined ? "violated" : "inconclusive", because: oneSentence(parts) };
}

/** What the run left in the cluster, as a clause; null when nothing. */
function dirt(run: RunRecord): string | null {
  const faults = unrevertedFaults(run.journal);
  if (faults.length > 0)
    return `The cluster was left dirty: ${faults.join(", ")} not reverted, \`faultline revert\` tries again`;
  const end = run.journal.findLast((entry) => entry.type === "run-end");
  return end?.type === "run-end" && end.dirty ? "The cluster was left dirty, `faultline revert` tries again" : null;
}
