/** Every mistake in a definition at once, each with its path and what would be right. Pure. */
import type { Experiment, Problem } from "../types.ts";
import { parseDuration } from "./duration.ts";
import { YIELDS_SAMPLES } from "./probe-shapes.ts";
import { experimentShape } from "./shape.ts";

/** What the faults say of their own specs, by kind; handed in because faults stand right of definitions. */
export type FaultSpecs = Readonly<
  Record<
    string,
    { readonly oneShot: boolean; readonly model?: string; readonly validate: (spec: never) => readonly Problem[] }
  >
>;

/**
 * @returns all problems, empty when the definition can be planned. Problems of shape hide nothing else: what can be
 *   compared is compared even where another part is broken.
 */
export function validate(definition: unknown, faultSpecs: FaultSpecs): readonly Problem[] {
  const shape = experimentShape.safeParse(definition);
  const problems: Problem[] = shape.success
    ? []
    : shape.error.issues.map((issue) => ({ path: pathText(issue.path), message: issue.message }));
  if (typeof definition !== "object" || definition === null) return problems;
  const loose = definition as Partial<Experiment>;
  return [
    ...problems,
    ...unknownNames(loose),
    ...faultProblems(loose, faultSpecs),
    ...imdsProblems(loose),
    ...timelineProblems(loose),
    ...checkProblems(loose),
  ];
}

/** Names that refer to something of the same definition. */
function unknownNames(it: Partial<Experiment>): Problem[] {
  const faults = keys(it.faults);
  const probes = [...keys(it.probes), ...(it.load === undefined ? [] : ["load"])];
  const arms = keys(it.arms);
  const expect = (path: string, word: string, value: unknown, known: readonly string[]): Problem[] =>
    typeof value !== "string" || known.includes(value)
      ? []
      : [{ path, message: `unknown ${word} "${value}"; ${suggest(value, known)}` }];
  return [
    ...list(it.timeline).flatMap((step, i) => expect(`timeline[${i}].inject`, "fault", step.inject, faults)),
    ...list(it.slos).flatMap((slo, i) => expect(`slos[${i}].over`, "probe", slo.over, probes)),
    ...list(it.mechanisms).flatMap((one, i) => [
      ...expect(`mechanisms[${i}].over`, "probe", one.over, keys(it.probes)),
      ...list(one.arms).flatMap((arm, j) => expect(`mechanisms[${i}].arms[${j}]`, "arm", arm, arms)),
    ]),
    ...Object.entries(it.arms ?? {}).flatMap(([arm, spec]) =>
      list(spec?.without === "all" ? [] : spec?.without).flatMap((fault, i) =>
        expect(`arms.${arm}.without[${i}]`, "fault", fault, faults),
      ),
    ),
    ...Object.entries(it.sizes ?? {}).flatMap(([size, spec]) => [
      ...list(spec?.arms).flatMap((arm, i) => expect(`sizes.${size}.arms[${i}]`, "arm", arm, arms)),
      ...keys(spec?.faults).flatMap((fault) => expect(`sizes.${size}.faults.${fault}`, "fault", fault, faults)),
      ...keys(spec?.for).flatMap((fault) =>
        expect(
          `sizes.${size}.for.${fault}`,
          "fault of the timeline",
          fault,
          list(it.timeline).map((step) => step.inject),
        ),
      ),
      ...keys(spec?.minSamples).flatMap((name) =>
        expect(`sizes.${size}.minSamples.${name}`, "SLO or mechanism", name, [
          ...list(it.slos).map((slo) => slo.name),
          ...list(it.mechanisms).map((one) => one.name),
        ]),
      ),
    ]),
  ];
}

function faultProblems(it: Partial<Experiment>, specs: FaultSpecs): Problem[] {
  return Object.entries(it.faults ?? {}).flatMap(([name, spec]) => {
    const kind = (spec as { kind?: unknown } | null)?.kind;
    if (typeof kind !== "string") return [];
    const fault = specs[kind];
    if (fault === undefined) {
      return [{ path: `faults.${name}.kind`, message: `unknown kind "${kind}"; ${suggest(kind, Object.keys(specs))}` }];
    }
    return fault
      .validate(spec as never)
      .map((problem) => ({ path: `faults.${name}.${problem.path}`, message: problem.message }));
  });
}

/** What needs the metadata mock in a cluster that has none. */
function imdsProblems(it: Partial<Experiment>): Problem[] {
  if (it.cluster?.imds !== undefined) return [];
  const kinds = Object.entries(it.faults ?? {}).filter(([, spec]) => String(spec?.kind).startsWith("imds."));
  const paths = [
    ...(it.workload?.imds === undefined ? [] : ["workload.imds"]),
    ...Object.entries(it.arms ?? {}).flatMap(([arm, spec]) => (spec?.imds === undefined ? [] : [`arms.${arm}.imds`])),
    ...kinds.map(([fault]) => `faults.${fault}`),
  ];
  return paths.map((path) => ({ path, message: 'needs the metadata mock: set cluster.imds to "mock"' }));
}

function timelineProblems(it: Partial<Experiment>): Problem[] {
  const limit = parseDuration(String(it.limits?.run));
  const before = (parseDuration(String(it.phases?.baseline)) ?? 0) + (parseDuration(String(it.phases?.recovery)) ?? 0);
  return list(it.timeline).flatMap((step, i) => {
    const end = (parseDuration(String(step.at)) ?? 0) + (parseDuration(String(step.for)) ?? 0);
    if (limit === null || before + end <= limit) return [];
    return [
      {
        path: `timeline[${i}]`,
        message: `with baseline and recovery it ends ${before + end} ms after the arm's begin, beyond limits.run of ${limit} ms; raise the limit or shorten the step`,
      },
    ];
  });
}

/** SLOs and mechanisms that could never have samples, or whose names are used twice. */
function checkProblems(it: Partial<Experiment>): Problem[] {
  const undisturbed = parseDuration(String(it.phases?.undisturbed));
  const lengths = {
    baseline: parseDuration(String(it.phases?.baseline)),
    recovery: parseDuration(String(it.phases?.recovery)),
    fault: list(it.timeline).length === 0 ? undisturbed : null,
    run: null,
  };
  const seen = new Set<string>();
  const named = [
    ...list(it.slos).map((slo, i) => ({ path: `slos[${i}]`, name: slo.name })),
    ...list(it.mechanisms).map((one, i) => ({ path: `mechanisms[${i}]`, name: one.name })),
  ];
  return [
    ...named.flatMap(({ path, name }) => {
      const twice = seen.has(name);
      seen.add(name);
      return twice ? [{ path: `${path}.name`, message: `"${name}" is used twice; reports need unique names` }] : [];
    }),
    ...list(it.slos).flatMap((slo, i) =>
      slo.named === undefined || slo.over === "load"
        ? []
        : [
            {
              path: `slos[${i}].named`,
              message: 'only requests of the load have names; leave it out, or set over to "load"',
            },
          ],
    ),
    ...controlProblems(it),
    ...list(it.slos).flatMap((slo, i) =>
      lengths[slo.during] === 0
        ? [
            {
              path: `slos[${i}].during`,
              message: `the phase "${slo.during}" lasts 0 s, so it can have no samples; choose another or lengthen it in phases`,
            },
          ]
        : [],
    ),
    ...sampleProblems(it),
  ];
}

/** What is judged over requests where nothing makes any. */
function sampleProblems(it: Partial<Experiment>): Problem[] {
  return [
    ...list(it.slos).flatMap((slo, i) => {
      const kind = it.probes?.[slo.over]?.kind;
      if (kind === undefined || YIELDS_SAMPLES[kind] !== false) return [];
      return [{ path: `slos[${i}].over`, message: `a ${kind} probe yields no samples to judge an SLO by` }];
    }),
    ...(it.guard !== undefined && it.load === undefined
      ? [{ path: "guard", message: "watches the requests of the load, and there is no load" }]
      : []),
  ];
}

/** Limits in terms of a control that no arm is. */
function controlProblems(it: Partial<Experiment>): Problem[] {
  if (Object.values(it.arms ?? {}).some((arm) => arm?.role === "control")) return [];
  return list(it.slos).flatMap((slo, i) =>
    slo.kind === "latency" && String(slo.atMost).endsWith("x control")
      ? [{ path: `slos[${i}].atMost`, message: "no arm has the role control, so there is nothing to compare with" }]
      : [],
  );
}

function suggest(value: string, known: readonly string[]): string {
  if (known.length === 0) return "none is defined";
  const near = known.find((name) => distance(value, name) <= 2);
  return near === undefined ? `known: ${known.join(", ")}` : `did you mean "${near}"? Known: ${known.join(", ")}`;
}

/** Levenshtein distance of two short names. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitute = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, substitute));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

const keys = (value: object | undefined | null): string[] => Object.keys(value ?? {});
const list = <T>(value: readonly T[] | undefined | null): readonly T[] => (Array.isArray(value) ? value : []);

function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, key) => (typeof key === "number" ? `${text}[${key}]` : text === "" ? String(key) : `${text}.${String(key)}`),
    "",
  );
}
