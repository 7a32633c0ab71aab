/** The shape of a definition, for JavaScript and for typos that no editor saw. What hangs together is in validate.ts. */
import { z } from "zod";
import { parseDuration } from "./duration.ts";
import { between, name, probe, signals } from "./probe-shapes.ts";

const duration = z
  .string()
  .refine((text) => parseDuration(text) !== null, { error: 'a duration is a number with a unit: "500ms", "5s", "2m"' });
const sentence = z.string().min(1, { error: "one sentence" });
const samples = z.int({ error: "a whole number" }).min(1, { error: "at least 1: a verdict without samples is none" });
const json = z.json();
const imds = z
  .strictObject({
    roles: z.enum(["node", "pod"]),
    defaultRole: z.string().regex(/^[\w+=,.@-]{1,64}$/, { error: "the name of an IAM role" }),
    lookup: z.strictObject({ maxInterval: between("1ms", "60s"), maxElapsed: between("0s", "60s") }).partial(),
    tokens: z.enum(["optional", "required"]),
    hopLimit: z.int().min(1).max(64, { error: "1 to 64 hops" }),
    lifetime: between("1s", "12h"),
    refreshBefore: between("0s", "12h"),
    remaining: between("1s", "12h"),
    latency: between("0ms", "60s"),
  })
  .partial();

/** As verdict/slo.ts reads it. */
const TIMES_CONTROL = /^\d+(\.\d+)?x control$/;
const check = { name: sentence, minSamples: samples };
const slo = z.discriminatedUnion("kind", [
  z.strictObject({
    ...check,
    kind: z.literal("availability"),
    over: z.string(),
    named: sentence.optional(),
    during: z.enum(["baseline", "fault", "recovery", "run"]),
    atLeast: z.number().min(0).max(1, { error: "a ratio from 0 to 1, not per cent" }),
  }),
  z.strictObject({
    ...check,
    kind: z.literal("latency"),
    over: z.string(),
    named: sentence.optional(),
    during: z.enum(["baseline", "fault", "recovery", "run"]),
    percentile: z.number().gt(0).max(100),
    atMost: z.string().refine((text) => parseDuration(text) !== null || TIMES_CONTROL.test(text), {
      error: 'a duration ("500ms", "5s"), or so many times what the control has ("3x control")',
    }),
  }),
]);
const mechanism = z
  .strictObject({
    ...check,
    over: z.string(),
    signal: z.enum(signals),
    role: z.enum(["defect", "precondition", "critical"]),
    arms: z.array(z.string()).min(1, { error: "at least one arm; leave it out for all" }).optional(),
    atMost: z.number().optional(),
    atLeast: z.number().optional(),
  })
  .refine((it) => (it.atMost === undefined) !== (it.atLeast === undefined), {
    error: "exactly one of atMost and atLeast",
  });
const arm = z.strictObject({
  role: z.enum(["control", "vulnerable", "fixed", "wrong-fix", "current"]),
  expected: z.enum(["held", "violated", "inconclusive"]),
  because: sentence,
  without: z.union([z.literal("all"), z.array(z.string())]).optional(),
  patches: z
    .array(z.strictObject({ kind: z.string(), name: z.string(), merge: z.record(z.string(), json) }))
    .optional(),
  imds: imds.optional(),
  vars: z.record(z.string(), z.string()).optional(),
});
const phases = { baseline: duration, recovery: duration, undisturbed: duration };

export const experimentShape = z.strictObject({
  name,
  hypothesis: sentence,
  cluster: z.strictObject({
    topology: z.string().min(1),
    ingress: z.literal("traefik").optional(),
    imds: z.literal("mock").optional(),
    nodeImage: z.string().optional(),
    egress: z.enum(["rejected", "allowed"]).optional(),
    nodeLimits: z
      .strictObject({ cpus: z.number().positive().optional(), memoryMiB: z.int().positive().optional() })
      .optional(),
  }),
  workload: z.strictObject({
    namespace: name.max(40, { error: "at most 40 characters: the arm's name is appended" }),
    images: z.record(z.string(), z.strictObject({ context: z.string() })).optional(),
    imds: imds.optional(),
    manifests: z.array(z.string()).min(1, { error: "at least one manifest" }),
    readyWithin: duration,
  }),
  load: z.strictObject({ script: z.string(), env: z.record(z.string(), z.string()).optional() }).optional(),
  probes: z.record(z.string(), probe),
  // The specs of faults are checked by the faults themselves.
  faults: z.record(z.string(), z.looseObject({ kind: z.string() })),
  phases: z.strictObject(phases),
  timeline: z.array(z.strictObject({ at: duration, inject: z.string(), for: duration })),
  slos: z.array(slo).min(1, { error: "at least one SLO: otherwise nothing is judged" }),
  mechanisms: z.array(mechanism),
  arms: z.record(name, arm).refine((arms) => Object.keys(arms).length > 0, { error: "at least one arm" }),
  sizes: z
    .record(
      name,
      z.strictObject({
        arms: z.array(z.string()).optional(),
        phases: z.strictObject(phases).partial().optional(),
        faults: z.record(z.string(), z.record(z.string(), json)).optional(),
        for: z.record(z.string(), duration).optional(),
        minSamples: z.record(z.string(), samples).optional(),
      }),
    )
    .optional(),
  guard: z.strictObject({ availabilityAtLeast: z.number().min(0).max(1), window: duration }).optional(),
  limits: z.strictObject({ run: duration, revert: duration }),
});
