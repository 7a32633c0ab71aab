/**
 * The shape of `verdict.json`, once: what is written is checked against it, and `verdict.schema.json` is made from it
 * (`npx vitest run harness/report/json.test.ts -u` after a change).
 */
import { z } from "zod";
import type { FaultKind, RunVerdict } from "../types.ts";

const verdict = z.enum(["held", "violated", "inconclusive"]);
const ms = z.number().nullable();

const check = z.strictObject({
  name: z.string(),
  verdict,
  value: z.number().nullable().describe("null: nothing was measured"),
  unit: z.string().describe('"ratio", "ms", "requests"; "" for a script\'s own metric'),
  objective: z.string(),
  sampleCount: z.int().min(0),
  because: z.string(),
});

const loadSummary = z.strictObject({
  offered: z.int(),
  started: z.int(),
  completed: z.int(),
  dropped: z.int(),
  late: z.int().describe("started more than 10 ms after the intended time"),
  thresholds: z.array(
    z.strictObject({
      metric: z.string(),
      expression: z.string(),
      ok: z.boolean().nullable(),
      value: z.number().nullable(),
    }),
  ),
});

const fault = z.strictObject({
  id: z.string(),
  fault: z.string(),
  // Not listed: an older reader must not refuse the verdict of a newer fault.
  kind: z.string() as unknown as z.ZodType<FaultKind>,
  injectedMs: ms,
  revertedMs: ms,
  state: z.enum(["intent", "injected", "effective", "ineffective", "reverting", "reverted", "failed"]),
  evidence: z.array(
    z.strictObject({
      effective: z.boolean(),
      because: z.string(),
      values: z.record(z.string(), z.union([z.number(), z.string()])),
      t: z.number(),
      when: z.enum(["inject", "revert", "clean"]),
    }),
  ),
});

const termination = z.strictObject({
  pod: z.string(),
  ip: z.string(),
  node: z.string().nullable(),
  deletedMs: z.number().describe("t0; this and all others: ms on the run's clock"),
  sigtermMs: ms.describe("t1"),
  listenerClosedMs: ms,
  notReadyMs: ms.describe("t2: endpoint not ready as a watch saw it"),
  lastRequestMs: ms.describe("t3: last request that the ingress sent to the pod"),
  exitMs: ms,
  goneMs: ms,
  requestsAfterClose: z.int(),
  failedAfterClose: z.int(),
  preStopNeededMs: ms.describe("the preStop sleep that would have been enough"),
  expectedInWindow: z.number(),
});

const arm = z.strictObject({
  name: z.string(),
  role: z.enum(["control", "vulnerable", "fixed", "wrong-fix", "current"]),
  expected: verdict,
  verdict,
  asExpected: z.boolean(),
  because: z.string(),
  slos: z.array(check),
  mechanisms: z.array(check),
  faults: z.array(fault),
  terminations: z.array(termination),
  load: loadSummary.nullable(),
});

export const verdictSchema = z
  .strictObject({
    schemaVersion: z.literal(1),
    experiment: z.string(),
    runId: z.string(),
    hypothesis: z.string(),
    verdict: verdict.describe("of the run: held when every arm came out as expected"),
    asExpected: z.boolean(),
    exitCode: z
      .union([z.literal(0), z.literal(1), z.literal(2), z.literal(3)])
      .describe("0 as expected, 1 violated or not as expected, 2 inconclusive, 3 the cluster was left dirty"),
    because: z.string(),
    models: z.array(z.string()).describe("a sentence for each fault that is a model of something else"),
    arms: z.array(arm),
  })
  .meta({ title: "Verdict of a Faultline run" }) satisfies z.ZodType<RunVerdict>;
