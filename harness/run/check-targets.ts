/**
 * What a plan alone tells of its faults' targets: a selector that no pod of the workload has, and more pods than may be
 * hit. Pure. What stands in another namespace, is said in set-based selectors, or comes from a kind that is not known
 * here, is told only when the arm runs.
 */
import type { PodTargets } from "../fault-specs.ts";
import { amount } from "../faults/targets.ts";
import type { Manifest, Plan, PlannedArm, PlannedStep, Problem } from "../types.ts";

type Labels = Readonly<Record<string, string>>;

export function checkTargets(plan: Plan): readonly Problem[] {
  return plan.arms.flatMap((arm) => arm.steps.flatMap((step) => stepProblems(arm, step)));
}

/** How many of the workload's pods a step hits, for people: "2 of 4 pods, at most 2"; null where the plan does not tell. */
export function expectedTargets(arm: PlannedArm, step: PlannedStep): string | null {
  const targets = podTargets(step);
  const all = targets === null ? null : matchingPods(arm, targets.selector);
  if (targets === null || all === null) return null;
  const most = targets.atMost === undefined ? "" : `, at most ${amount(targets.atMost, all)}`;
  return `${chosen(targets, all)} of ${all} pods${most}`;
}

function stepProblems(arm: PlannedArm, step: PlannedStep): Problem[] {
  const targets = podTargets(step);
  const all = targets === null ? null : matchingPods(arm, targets.selector);
  if (targets === null || all === null) return [];
  const path = `faults.${step.fault}.targets`;
  if (all === 0) {
    if (targets.emptyTargets === "skip") return [];
    return [
      {
        path: `${path}.selector`,
        message: `no pod of arm ${arm.name} has ${targets.selector}: the fault would hit nothing; correct it, or set emptyTargets: "skip"`,
      },
    ];
  }
  const hit = chosen(targets, all);
  const most = amount(targets.atMost ?? "100%", all);
  if (hit <= most) return [];
  return [{ path, message: `${hit} pods of arm ${arm.name} would be hit, and at most ${most} may be` }];
}

const chosen = ({ count }: PodTargets, all: number) => Math.min(all, count === undefined ? all : amount(count, all));

/** null where a step has no pods of the arm's own namespace as targets. */
function podTargets({ spec }: PlannedStep): PodTargets | null {
  const targets = "targets" in spec ? spec.targets : undefined;
  if (targets === undefined || !("selector" in targets) || targets.namespace !== undefined) return null;
  return targets;
}

/** Kinds whose pods stand in the manifest, and kinds that have none; any other may create pods that nobody sees here. */
const WITH_PODS = ["Deployment", "StatefulSet", "ReplicaSet", "ReplicationController", "Pod"];
const WITHOUT_PODS = ["Service", "Ingress", "ConfigMap", "Secret", "ServiceAccount", "Role", "RoleBinding"];

/** Replicas of all workloads whose pods have these labels; null where the plan does not tell. */
function matchingPods(arm: PlannedArm, selector: string): number | null {
  const matches = parseSelector(selector);
  const isOpen = arm.manifests.some(({ kind }) => !WITH_PODS.includes(kind) && !WITHOUT_PODS.includes(kind));
  if (matches === null || isOpen) return null;
  return arm.manifests.reduce((sum, manifest) => sum + (matches(podLabels(manifest)) ? replicas(manifest) : 0), 0);
}

interface WorkloadSpec {
  readonly replicas?: number;
  readonly template?: { readonly metadata?: { readonly labels?: Labels } };
}
const specOf = (manifest: Manifest) => (manifest.spec ?? {}) as WorkloadSpec;
const podLabels = (manifest: Manifest): Labels =>
  (manifest.kind === "Pod" ? (manifest.metadata.labels as Labels) : specOf(manifest).template?.metadata?.labels) ?? {};
const replicas = (manifest: Manifest): number => specOf(manifest).replicas ?? 1;

/** Equality-based selectors; @returns null for others. */
export function parseSelector(text: string): ((labels: Labels) => boolean) | null {
  const tests = text.split(",").map((part): ((labels: Labels) => boolean) | null => {
    const [, not, key = "", operator, value = ""] =
      /^\s*(!)?\s*([\w./-]+)\s*(?:(==|=|!=)\s*([\w.-]*))?\s*$/.exec(part) ?? [];
    if (key === "") return null;
    if (operator === undefined) return (labels) => key in labels !== (not !== undefined);
    return (labels) => (labels[key] === value) !== (operator === "!=");
  });
  if (tests.includes(null)) return null;
  return (labels) => Object.keys(labels).length > 0 && tests.every((one) => one?.(labels) === true);
}
