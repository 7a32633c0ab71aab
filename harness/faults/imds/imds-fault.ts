/**
 * What the faults of the metadata service have in common: a change that all mocks of the cluster hold for as long as its
 * lease, and canaries that ask the service as pods do.
 */
import { IMDS } from "../../cluster/imds/address.ts";
import { askCanaries, holdChange, isImdsInstalled, readMocks, releaseChange } from "../../cluster/imds/mocks.ts";
import type { Ask, Asked, Round } from "../../cluster/imds-server/canary.ts";
import { type Calls, type Change, concerns, type Settings } from "../../cluster/imds-server/settings.ts";
import { waitFor } from "../../cluster/wait.ts";
import { FaultlineError } from "../../errors.ts";
import type { FaultSpec } from "../../fault-specs.ts";
import type { Evidence } from "../../types.ts";
import type { Fault, FaultContext } from "../fault.ts";
import { faultName } from "../names.ts";
import { evidenceOf, type Finding } from "../node/findings.ts";

export type ImdsUndo = {
  readonly id: string;
  readonly change: Change;
  /** What the arm has set. */
  readonly settings: Settings;
  /** Access keys that were handed out before, and when that was; milliseconds of the wall clock. */
  readonly keys: readonly string[];
  readonly preparedAtMs: number;
};

type ImdsSpec = Extract<FaultSpec, { readonly kind: `imds.${string}` }>;

export interface ImdsKind<Spec extends ImdsSpec> extends Pick<Fault<Spec, ImdsUndo>, "kind" | "drawAs" | "validate"> {
  readonly changeOf: (spec: Spec) => Change;
  /** How the canaries ask so that it can be seen; `timeoutMs` on top of the latencies that are in force. */
  readonly ask: (undo: ImdsUndo) => Ask;
  /** Whether a canary's answers show the effect. */
  readonly judge: (rounds: readonly Round[], undo: ImdsUndo) => Omit<Finding, "name">;
  /** Whether they show that it is over; default: that they do not show the effect. */
  readonly judgeClean?: (rounds: readonly Round[], undo: ImdsUndo) => Omit<Finding, "name">;
}

/** A revert that a mock does not answer is tried for so long; by then its lease has ended the change. */
const REVERT_MS = 60_000;

export function imdsFault<Spec extends ImdsSpec>(kind: ImdsKind<Spec>): Fault<Spec, ImdsUndo> {
  const measure = async (undo: ImdsUndo, { cluster }: FaultContext, judge: ImdsKind<Spec>["judge"]) => {
    const mocks = await readMocks(cluster);
    const latenciesMs = mocks.map(
      ({ settings, held }) => settings.latencyMs + held.reduce((sum, { change }) => sum + (change.latency?.ms ?? 0), 0),
    );
    const ask = kind.ask(undo);
    const reports = await askCanaries(cluster, { ...ask, timeoutMs: ask.timeoutMs + Math.max(...latenciesMs) });
    const findings = reports.map(({ node, rounds }): Finding => ({ name: node, ...judge(rounds, undo) }));
    return { findings, heldBy: mocks.filter(({ held }) => held.some(({ id }) => id === undo.id)).length };
  };
  return {
    kind: kind.kind,
    drawAs: kind.drawAs,
    needs: ["imds"],
    oneShot: false,
    validate: kind.validate,

    async prepare(spec, context) {
      const id = faultName("imds", context.runId, context.faultId);
      const change = kind.changeOf(spec);
      const [mocks, reports] = await Promise.all([
        readMocks(context.cluster),
        askCanaries(context.cluster, { rounds: 1, timeoutMs: 5_000 }),
      ]);
      const word = Object.keys(change)[0] as keyof Change;
      const others = mocks.flatMap(({ held }) => held.filter((one) => one.id !== id && one.change[word] !== undefined));
      if (others[0] !== undefined) {
        throw new FaultlineError("fault", `the metadata service has ${kind.kind} already, by ${others[0].id}`, {
          fix: "let one end before the next begins; `faultline revert` ends what an earlier run left",
        });
      }
      const settings = mocks[0]?.settings;
      if (settings === undefined) throw new FaultlineError("internal", "a list of mocks is never empty");
      const keys = reports.flatMap(({ rounds }) => rounds.flatMap(({ accessKeyId }) => accessKeyId ?? []));
      return { id, change, settings, keys, preparedAtMs: Date.now() };
    },

    inject: async ({ id, change }, { cluster }, leaseMs) => holdChange(cluster, id, change, leaseMs),
    renew: async ({ id, change }, { cluster }, leaseMs) => holdChange(cluster, id, change, leaseMs),

    async verifyEffective(undo, context) {
      const { findings } = await measure(undo, context, kind.judge);
      return evidenceOf(findings, "all");
    },

    async revert({ id }, context) {
      await waitFor({
        what: `all metadata mocks to let go of ${id}`,
        timeoutMs: Math.min(REVERT_MS, context.budgetMs),
        everyMs: 500,
        signal: context.signal,
        probe: async () => {
          if (await isImdsInstalled(context.cluster)) await releaseChange(context.cluster, id);
          return { done: true, value: undefined };
        },
      });
    },

    async verifyReverted(undo, context): Promise<Evidence> {
      if (!(await isImdsInstalled(context.cluster))) {
        return { effective: false, because: "the metadata mock is gone, and the change with it", values: {} };
      }
      const { findings, heldBy } = await measure(undo, context, kind.judgeClean ?? kind.judge);
      const seen = evidenceOf(findings, "any");
      return {
        effective: seen.effective || heldBy > 0,
        because: heldBy === 0 ? seen.because : `${heldBy} mocks still hold ${undo.id}; ${seen.because}`,
        values: { ...seen.values, heldBy },
      };
    },

    byHand: ({ id }) => [
      `kubectl -n ${IMDS.namespace} rollout restart daemonset/${IMDS.name}   # forgets ${id}; its lease does so by itself`,
    ],
  };
}

/** The calls of a canary that a fault on `calls` concerns. */
export function concerned(rounds: readonly Round[], calls: Calls): readonly Asked[] {
  return rounds.flatMap((round) =>
    (["token", "role", "credentials"] as const).flatMap((call) => {
      const asked = round[call];
      return asked !== null && concerns(calls, call) ? [asked] : [];
    }),
  );
}

export const CALLS = ["all", "token", "credentials"] as const;
