/** How long a plan takes at most. */
import type { Plan, PlannedArm } from "../types.ts";

/** Its phases, and each fault to its limit; milliseconds. */
export function armMs(plan: Plan, arm: PlannedArm): number {
  const faultMs = arm.steps.reduce((end, step) => Math.max(end, step.atMs + step.forMs), plan.phases.undisturbedMs);
  return plan.phases.baselineMs + faultMs + plan.phases.recoveryMs;
}

/** All arms, one after the other, without what deploying them takes; milliseconds. */
export const planMs = (plan: Plan): number => plan.arms.reduce((sum, arm) => sum + armMs(plan, arm), 0);
