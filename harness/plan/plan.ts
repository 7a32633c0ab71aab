/**
 * From a definition to a plan: every choice made, nothing touched. Pure: the texts of files come in, problems or a
 * serialisable plan go out.
 */
import { toMs } from "../define/duration.ts";
import { experimentShape } from "../define/shape.ts";
import { type FaultSpecs, validate } from "../define/validate.ts";
import type {
  ArmSpec,
  Experiment,
  FaultSpec,
  Json,
  Manifest,
  Plan,
  PlannedArm,
  PlannedStep,
  Problem,
} from "../types.ts";
import { fillAll, fillIn, merge, parseManifests } from "./overlay.ts";
import { seeded } from "./random.ts";
import { armProblems, choiceProblems, INGRESS_URL, urlProblems } from "./refusals.ts";

export interface PlanInput {
  readonly definition: unknown;
  /** Path of the definition as the user gave it. */
  readonly file: string;
  readonly size: string;
  readonly seed: number;
  /** Names of the arms to run; empty: all of the size. */
  readonly arms: readonly string[];
  /** Texts of the manifests, in the order of the definition. */
  readonly manifests: readonly { readonly path: string; readonly text: string }[];
  /** Turns a path of the definition into an absolute one. */
  readonly resolve: (path: string) => string;
  readonly faults: FaultSpecs;
}
export type PlanResult = { readonly plan: Plan } | { readonly problems: readonly Problem[] };

/** @returns the plan, or all problems of the definition, the names asked for and the manifests together. */
export function plan(input: PlanInput): PlanResult {
  const problems = [
    ...validate(input.definition, input.faults),
    ...choiceProblems(input.definition, input.size, input.arms),
  ];
  if (!experimentShape.safeParse(input.definition).success) return { problems };
  const experiment = sized(input.definition as Experiment, input.size);
  const chosen = chosenArms(input, experiment);
  const arms = Object.entries(experiment.arms)
    .filter(([name]) => chosen.includes(name))
    .map(([name, arm]) => planArm(name, arm, experiment, input));
  const all = [...problems, ...arms.flatMap((arm) => arm.problems)];
  if (all.length > 0) return { problems: all };
  return {
    plan: assemble(
      experiment,
      input,
      arms.map((arm) => arm.planned),
    ),
  };
}

function assemble(it: Experiment, input: PlanInput, arms: readonly PlannedArm[]): Plan {
  const minSamples = it.sizes?.[input.size]?.minSamples ?? {};
  const withSamples = <T extends { name: string; minSamples: number }>(check: T): T => ({
    ...check,
    minSamples: minSamples[check.name] ?? check.minSamples,
  });
  const named = input.arms.map((arm) => ` --arm ${arm}`).join("");
  return {
    schemaVersion: 1,
    experiment: it.name,
    hypothesis: it.hypothesis,
    file: input.file,
    size: input.size,
    seed: input.seed,
    repeat: `faultline run ${input.file} --size ${input.size} --seed ${input.seed}${named}`,
    cluster: it.cluster,
    images: Object.entries(it.workload.images ?? {}).map(([name, image]) => ({
      name,
      context: input.resolve(image.context),
    })),
    loadScript: it.load === undefined ? null : input.resolve(it.load.script),
    probes: it.probes,
    slos: it.slos.map(withSamples),
    mechanisms: it.mechanisms.map(withSamples),
    readyWithinMs: toMs(it.workload.readyWithin),
    phases: {
      baselineMs: toMs(it.phases.baseline),
      recoveryMs: toMs(it.phases.recovery),
      undisturbedMs: toMs(it.phases.undisturbed),
    },
    guard:
      it.guard === undefined
        ? null
        : { availabilityAtLeast: it.guard.availabilityAtLeast, windowMs: toMs(it.guard.window) },
    limits: { runMs: toMs(it.limits.run), revertMs: toMs(it.limits.revert) },
    arms,
  };
}

/** The arms to run: those asked for, else those of the size, else all. */
function chosenArms(input: PlanInput, it: Experiment): readonly string[] {
  if (input.arms.length > 0) return input.arms;
  return it.sizes?.[input.size]?.arms ?? Object.keys(it.arms);
}

/** The definition with the size's changes in place. */
function sized(it: Experiment, size: string): Experiment {
  const change = it.sizes?.[size];
  if (change === undefined) return it;
  const faults = Object.fromEntries(
    Object.entries(it.faults).map(([name, spec]) => [name, { ...spec, ...(change.faults?.[name] ?? {}) } as FaultSpec]),
  );
  const timeline = it.timeline.map((step) => ({ ...step, for: change.for?.[step.inject] ?? step.for }));
  return { ...it, faults, timeline, phases: { ...it.phases, ...change.phases } };
}

function planArm(
  name: string,
  arm: ArmSpec,
  it: Experiment,
  input: PlanInput,
): { readonly planned: PlannedArm; readonly problems: readonly Problem[] } {
  const namespace = `${it.workload.namespace}-${name}`;
  const vars = { NAMESPACE: namespace, ARM: name, ...arm.vars };
  const files = input.manifests.map(({ path, text }) => {
    const filled = fillIn(text, vars, path);
    const parsed = parseManifests(filled.text, path);
    return { manifests: parsed.manifests, problems: [...filled.problems, ...parsed.problems] };
  });
  const objects = files.flatMap((file) => file.manifests);
  const env = Object.entries(it.load?.env ?? {}).map(([key, text]) => {
    const filled = fillIn(text, { ...vars, INGRESS_URL }, `load.env.${key}`);
    return { key, ...filled, problems: [...filled.problems, ...urlProblems(key, filled.text)] };
  });
  const steps = planSteps(name, arm, it, input.faults, vars);
  return {
    planned: {
      name,
      role: arm.role,
      expected: arm.expected,
      because: arm.because,
      namespace,
      manifests: objects.map((object) => inNamespace(patched(object, arm), namespace)),
      ...(it.cluster.imds === undefined ? {} : { imds: { ...it.workload.imds, ...arm.imds } }),
      loadEnv: Object.fromEntries(env.map(({ key, text }) => [key, text])),
      steps: steps.map(({ step }) => step),
      seed: seeded(input.seed)
        .fork(name)
        .below(2 ** 31),
    },
    problems: [
      ...files.flatMap((file) => file.problems),
      ...env.flatMap((entry) => entry.problems),
      ...steps.flatMap((planned) => planned.problems),
      ...armProblems(name, arm, namespace, objects),
    ],
  };
}

function planSteps(
  armName: string,
  arm: ArmSpec,
  it: Experiment,
  faults: FaultSpecs,
  vars: Readonly<Record<string, string>>,
): readonly { readonly step: PlannedStep; readonly problems: readonly Problem[] }[] {
  const without = arm.without ?? [];
  return it.timeline
    .filter((step) => without !== "all" && !without.includes(step.inject))
    .map((step, i) => {
      const filled = fillAll(it.faults[step.inject] as unknown as Json, vars, `faults.${step.inject}`);
      const spec = filled.value as unknown as FaultSpec;
      const { oneShot, model } = faults[spec.kind] ?? { oneShot: false };
      const planned: PlannedStep = {
        ...{
          id: `${armName}/${step.inject}/${i}`,
          fault: step.inject,
          spec,
          atMs: toMs(step.at),
          forMs: toMs(step.for),
        },
        ...(oneShot ? { oneShot } : {}),
        ...(model === undefined ? {} : { model }),
      };
      return { step: planned, problems: filled.problems };
    })
    .sort((a, b) => a.step.atMs - b.step.atMs);
}

function patched(object: Manifest, arm: ArmSpec): Manifest {
  return (arm.patches ?? [])
    .filter((patch) => patch.kind === object.kind && patch.name === object.metadata.name)
    .reduce((result, patch) => merge(result as unknown as Json, patch.merge) as unknown as Manifest, object);
}

function inNamespace(object: Manifest, namespace: string): Manifest {
  return { ...object, metadata: { ...object.metadata, namespace } };
}
