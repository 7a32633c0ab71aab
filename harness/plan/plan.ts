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
import { fillIn, merge, parseManifests } from "./overlay.ts";
import { seeded } from "./random.ts";

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

/** Kinds that have no namespace and are therefore refused in a workload: they would outlive their arm. */
const CLUSTER_SCOPED = [
  "Namespace",
  "ClusterRole",
  "ClusterRoleBinding",
  "CustomResourceDefinition",
  "PersistentVolume",
];
const LOOPBACK = ["127.0.0.1", "localhost", "[::1]"];
/** Stands in `plan` for what is known only once the cluster is there. */
export const INGRESS_URL = "${INGRESS_URL}";

/** @returns the plan, or all problems of the definition, the names asked for and the manifests together. */
export function plan(input: PlanInput): PlanResult {
  const problems = [...validate(input.definition, input.faults), ...choiceProblems(input)];
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
    loadScript: input.resolve(it.load.script),
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

/** Mistakes in what the user asked for on the command line. */
function choiceProblems({ definition, size, arms }: PlanInput): Problem[] {
  const it = (definition ?? {}) as Partial<Experiment>;
  const sizes = ["full", ...Object.keys(it.sizes ?? {})];
  const known = Object.keys(it.arms ?? {});
  return [
    ...(sizes.includes(size)
      ? []
      : [{ path: "--size", message: `unknown size "${size}"; known: ${[...new Set(sizes)].join(", ")}` }]),
    ...arms
      .filter((arm) => !known.includes(arm))
      .map((arm) => ({ path: "--arm", message: `unknown arm "${arm}"; known: ${known.join(", ")}` })),
  ];
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
  return { ...it, faults, phases: { ...it.phases, ...change.phases } };
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
  const env = Object.entries(it.load.env ?? {}).map(([key, text]) => {
    const filled = fillIn(text, { ...vars, INGRESS_URL }, `load.env.${key}`);
    return { key, ...filled, problems: [...filled.problems, ...urlProblems(key, filled.text)] };
  });
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
      steps: planSteps(name, arm, it, input.faults),
      seed: seeded(input.seed)
        .fork(name)
        .below(2 ** 31),
    },
    problems: [
      ...files.flatMap((file) => file.problems),
      ...env.flatMap((entry) => entry.problems),
      ...patchProblems(name, arm, objects),
      ...objects
        .filter((object) => CLUSTER_SCOPED.includes(object.kind))
        .map((object) => ({
          path: "workload.manifests",
          message: `${object.kind} ${object.metadata.name} belongs to no namespace and would outlive the arm; install it before`,
        })),
      ...(namespace.length > 63
        ? [{ path: `arms.${name}`, message: `the namespace ${namespace} is longer than 63 characters` }]
        : []),
    ],
  };
}

function planSteps(armName: string, arm: ArmSpec, it: Experiment, faults: FaultSpecs): PlannedStep[] {
  const without = arm.without ?? [];
  return it.timeline
    .filter((step) => without !== "all" && !without.includes(step.inject))
    .map((step, i): PlannedStep => {
      const spec = it.faults[step.inject] as FaultSpec;
      const { oneShot, model } = faults[spec.kind] ?? { oneShot: false };
      return {
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
    })
    .sort((a, b) => a.atMs - b.atMs);
}

function patched(object: Manifest, arm: ArmSpec): Manifest {
  return (arm.patches ?? [])
    .filter((patch) => patch.kind === object.kind && patch.name === object.metadata.name)
    .reduce((result, patch) => merge(result as unknown as Json, patch.merge) as unknown as Manifest, object);
}

function inNamespace(object: Manifest, namespace: string): Manifest {
  return { ...object, metadata: { ...object.metadata, namespace } };
}

function patchProblems(name: string, arm: ArmSpec, objects: readonly Manifest[]): Problem[] {
  return (arm.patches ?? []).flatMap((patch, i) =>
    objects.some((object) => object.kind === patch.kind && object.metadata.name === patch.name)
      ? []
      : [
          {
            path: `arms.${name}.patches[${i}]`,
            message: `no manifest holds ${patch.kind} ${patch.name}; there are ${objects.map((object) => `${object.kind} ${object.metadata.name}`).join(", ")}`,
          },
        ],
  );
}

/** Values of keys that end in URL must be one, and lead to this machine: load goes nowhere else. */
function urlProblems(key: string, text: string): Problem[] {
  if (!key.endsWith("URL")) return [];
  const path = `load.env.${key}`;
  const url = URL.parse(text.replace(INGRESS_URL, "http://127.0.0.1:1"));
  if (url === null || !["http:", "https:"].includes(url.protocol)) {
    return [{ path, message: `"${text}" is no URL; write http://host:port/path or \${INGRESS_URL}` }];
  }
  if (LOOPBACK.includes(url.hostname)) return [];
  return [{ path, message: `${url.hostname} is another machine; load goes to this one only: write \${INGRESS_URL}` }];
}
