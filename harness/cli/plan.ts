/** `faultline plan`: what would happen, to which objects, for how long. Touches nothing. */
import { formatMs } from "../define/duration.ts";
import { faults } from "../faults/index.ts";
import { planMs } from "../plan/length.ts";
import { planProblems } from "../run/check-plan.ts";
import { expectedTargets } from "../run/check-targets.ts";
import { planFile } from "../run/load-definition.ts";
import type { Plan, PlannedArm, PlannedStep } from "../types.ts";
import { experimentFiles } from "./files.ts";
import { EXIT_USAGE } from "./main.ts";
import { printProblems } from "./problems.ts";

export interface PlanOptions {
  readonly size: string;
  readonly seed?: number;
  readonly arm: readonly string[];
  readonly json: boolean;
}

export async function planCommand(given: readonly string[], options: PlanOptions): Promise<number> {
  let exitCode = 0;
  for (const file of experimentFiles(given)) {
    const result = await planFile(
      { file, size: options.size, arms: options.arm, ...(options.seed === undefined ? {} : { seed: options.seed }) },
      faults,
    );
    const problems = "problems" in result ? result.problems : await planProblems(result.plan);
    if ("problems" in result || problems.length > 0) {
      printProblems(file, problems, options.json);
      exitCode = EXIT_USAGE;
    } else {
      process.stdout.write(options.json ? `${JSON.stringify(result.plan, null, 2)}\n` : describe(result.plan));
    }
  }
  return exitCode;
}

function describe(plan: Plan): string {
  const cluster = `${plan.cluster.topology}${plan.cluster.ingress === undefined ? "" : `, ingress ${plan.cluster.ingress}`}${plan.cluster.imds === undefined ? "" : ", metadata mock"}, egress ${plan.cluster.egress ?? "rejected"}`;
  return [
    `${plan.experiment}: ${plan.hypothesis}`,
    `  cluster   ${cluster}`,
    `  load      ${plan.loadScript ?? "none"}`,
    ...plan.images.map((image) => `  image     ${image.name} from ${image.context}`),
    `  size      ${plan.size}, seed ${plan.seed}, ${plan.arms.length} arms, about ${formatMs(planMs(plan))} at most`,
    ...plan.arms.flatMap((arm) => describeArm(plan, arm)),
    `  repeat    ${plan.repeat}`,
    "",
  ].join("\n");
}

function describeArm(plan: Plan, arm: PlannedArm): string[] {
  return [
    `  arm ${arm.name} (${arm.role}), expected ${arm.expected}: ${arm.because}`,
    `    namespace ${arm.namespace}: ${arm.manifests.map((one) => `${one.kind} ${one.metadata.name}`).join(", ")}`,
    `    baseline ${formatMs(plan.phases.baselineMs)}, ${arm.steps.length === 0 ? `no fault for ${formatMs(plan.phases.undisturbedMs)}` : "then faults"}, recovery ${formatMs(plan.phases.recoveryMs)}`,
    ...arm.steps.map(
      (step) =>
        `    +${formatMs(step.atMs)} ${step.spec.kind} (${step.fault}) for ${formatMs(step.forMs)}: ${details(step.spec)}${targetsOf(arm, step)}`,
    ),
  ];
}

/** Whom it hits, as far as the plan tells. */
function targetsOf(arm: PlannedArm, step: PlannedStep): string {
  const pods = expectedTargets(arm, step);
  return pods === null ? "" : ` → ${pods}`;
}

const details = (spec: object) =>
  Object.entries(spec)
    .filter(([key]) => key !== "kind")
    .map(([key, value]) => `${key} ${typeof value === "object" ? JSON.stringify(value) : value}`)
    .join(", ");
