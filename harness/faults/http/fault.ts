/**
 * What the HTTP faults share. In the network namespaces of the chosen pods, requests that come in go to a proxy of ours
 * that misbehaves for some of them and passes the others.
 */
import { waitFor } from "../../cluster/wait.ts";
import { FaultlineError } from "../../errors.ts";
import type { Evidence } from "../../types.ts";
import {
  endFollowing,
  type Followed,
  podsNow,
  redirectPods,
  renewRedirect,
  withCoverage,
  withRulesLeft,
} from "../agent/following.ts";
import { AGENT_IMAGE, removeAgent, resetAgent, setAgent, startAgent } from "../agent/pod.ts";
import { bypassRules, freeNetworks, removeRules, rulesByHand, rulesLeft } from "../agent/redirect.ts";
import type { HttpSettings } from "../agent-image/http-settings.ts";
import type { Fault, FaultContext } from "../fault.ts";
import { faultName } from "../names.ts";
import { evidenceOf } from "../node/findings.ts";
import { choosePods, type PodTarget } from "../targets.ts";
import { findingOf, type HttpFinding, pace, percentile } from "./effect.ts";
import { askPods, type HttpReading } from "./reading.ts";
import { nodeAddresses, pastOf, redirectOf, settleOf, type Way } from "./rules.ts";
import { type Canary, canaryOf, type HttpSpec, shareOf, trafficProblems } from "./spec.ts";

export type HttpUndo = Followed &
  Way & {
    readonly settings: HttpSettings;
    readonly canary: Canary;
    readonly seed: number;
    /** Median before the fault, milliseconds; null where nodes are spared, and are measured beside it. */
    readonly beforeMs: number | null;
  };

export interface HttpKind<Spec extends HttpSpec> extends Pick<Fault<Spec, HttpUndo>, "drawAs" | "validate"> {
  readonly kind: Spec["kind"];
  readonly effectOf: (spec: Spec) => Pick<HttpSettings, "mode" | "status" | "latencyMs" | "jitterMs">;
}

const WORD = "http";
const ANSWER_MS = 10_000;
const BEFORE = { times: 20, atOnce: 4 } as const;
/** The proxy gives what is under way two seconds. */
const DRAIN_MS = 3_000;
const CLEAN_MS = 30_000;
const GONE = "none of its pods is there and serves";

export function httpFault<Spec extends HttpSpec>(of: HttpKind<Spec>): Fault<Spec, HttpUndo> {
  return {
    kind: of.kind,
    needs: ["node-exec", "iptables", "pod-forwarding"],
    oneShot: false,
    images: [AGENT_IMAGE],
    drawAs: of.drawAs,
    validate: (spec) => [...trafficProblems(spec), ...of.validate(spec)],

    async prepare(spec, context) {
      const { path = "/", methods = [], probes = "spared" } = spec;
      const nodes = await context.cluster.kube.list({ apiVersion: "v1", kind: "Node" });
      const undo: HttpUndo = {
        id: faultName(WORD, context.runId, context.faultId),
        pods: await choosePods(context, spec.pods),
        targets: spec.pods,
        port: spec.port,
        spared: probes === "spared" ? nodeAddresses(nodes) : [],
        settings: { ...of.effectOf(spec), share: shareOf(spec), path, methods },
        canary: canaryOf(spec),
        seed: context.random.below(2 ** 32),
        beforeMs: null,
      };
      await freeNetworks(context, undo.pods, undo.id, [WORD]);
      const beforeMs = await measureBefore(undo, context);
      return probes === "spared" ? undo : { ...undo, beforeMs };
    },

    async inject(undo, context, leaseMs) {
      const node = undo.pods[0]?.node;
      if (node === undefined) return;
      const env = { PORT: String(undo.port), SEED: String(undo.seed) };
      const ip = await startAgent(context, { name: undo.id, id: undo.id, role: "http", node, env });
      await setAgent(context, undo.id, undo.settings, leaseMs);
      await redirectPods(context, undo, redirectOf(undo, ip), leaseMs);
    },

    async renew(undo, context, leaseMs) {
      if (undo.pods.length === 0) return;
      // The pod's lease first: it lapses before the rules go.
      await setAgent(context, undo.id, undo.settings, leaseMs);
      await renewRedirect(context, undo, leaseMs);
    },

    async verifyEffective(undo, context) {
      const pods = podsNow(undo);
      const found = await findings(undo, pods, context);
      const evidence = withCoverage(undo.id, evidenceOf(found, "all"));
      const isMeasured = undo.pods.length === 0 || found.length > 0;
      return isMeasured ? evidence : { ...evidence, effective: false, because: GONE };
    },

    async revert(undo, context) {
      await endFollowing(undo.id);
      await bypassRules(context, undo.id, pastOf(undo.port));
      await drain(undo, context);
      await removeRules(context, { id: undo.id, settle: settleOf(undo.port) });
      await removeAgent(context, undo.id);
    },

    verifyReverted: untilClean,

    byHand: ({ id, pods }) => rulesByHand(id, pods),
  };
}

/** What is under way ends as it would have, while the rules still translate it. A proxy that is gone has nothing. */
async function drain(undo: HttpUndo, context: FaultContext): Promise<void> {
  const probe = async () => {
    const status = await resetAgent(context, undo.id);
    const connections: number = status?.connections ?? 0;
    return connections === 0
      ? { done: true as const, value: undefined }
      : { done: false as const, saw: `${connections} connections` };
  };
  const { signal } = context;
  await waitFor({ what: "the proxy's clients to be gone", timeoutMs: DRAIN_MS, everyMs: 50, signal, probe }).catch(
    (error: unknown) => {
      if (!(error instanceof FaultlineError) || error.code !== "deadline") throw error;
    },
  );
}

/** Probes pass, so that a pod which is not ready has reasons of its own. */
const isSparing = ({ spared }: HttpUndo) => spared.length > 0;

async function findings(
  undo: HttpUndo,
  pods: readonly PodTarget[],
  context: FaultContext,
): Promise<readonly HttpFinding[]> {
  const { settings, canary, port } = undo;
  const waitMs = settings.latencyMs + settings.jitterMs + ANSWER_MS;
  const question = { canary, port, ...pace(settings), waitMs, readyOnly: isSparing(undo) };
  const readings = await askPods(context, pods, question);
  return readings.map((reading) => findingOf(reading, undo.settings, undo.beforeMs));
}

/**
 * @returns the median time of an answer, in milliseconds.
 * @throws FaultlineError `fault` where requests cannot be seen into, or the effect could not be told.
 */
async function measureBefore(undo: HttpUndo, context: FaultContext): Promise<number | null> {
  const { canary, port } = undo;
  const question = { canary, port, ...BEFORE, waitMs: ANSWER_MS, readyOnly: true, asksTls: true };
  const readings = await askPods(context, undo.pods, question);
  for (const reading of readings) refuseUnseen(undo, reading);
  return percentile(
    readings.flatMap(({ answers }) => answers.map(({ ms }) => ms)),
    0.5,
  );
}

function refuseUnseen({ port, canary, settings }: HttpUndo, { pod, answers, isTls }: HttpReading): void {
  const where = `${pod}, port ${port}`;
  if (isTls === true) {
    throw new FaultlineError("fault", `${where}: it speaks TLS, and requests cannot be seen into`, {
      fix: "choose the pods where TLS ends, or use network.* for what needs no look inside",
    });
  }
  const answered = answers.filter(({ status }) => status > 0);
  if (answered.length * 2 < answers.length) {
    const exits = [...new Set(answers.map(({ exit }) => exit))].join(", ");
    throw new FaultlineError(
      "fault",
      `${where}: ${canary.method} ${canary.path} gets no answer of HTTP/1 (curl: ${exits})`,
      {
        fix: "give the port where the containers listen, a canary that is answered, and let pods of kube-system in where a NetworkPolicy keeps them out",
      },
    );
  }
  const { mode, status, latencyMs, jitterMs, share } = settings;
  const alike = answered.filter((one) =>
    mode === "late" ? share < 1 && one.ms >= latencyMs - jitterMs : mode === "error" && one.status === status,
  ).length;
  const isTold = mode === "late" ? alike * 10 < answered.length : alike === 0;
  if (isTold) return;
  throw new FaultlineError(
    "fault",
    `${where}: without the fault ${alike} of ${answered.length} answers to ${canary.method} ${canary.path} are so already, so its effect could not be told`,
    { fix: mode === "late" ? "ask for more latency, or name a canary that is answered sooner" : "use another status" },
  );
}

/** No rule is left, and requests are answered as before, in the time that the step has. */
async function untilClean(undo: HttpUndo, context: FaultContext): Promise<Evidence> {
  let last: Evidence = { effective: true, because: "nothing was seen yet", values: {} };
  const probe = async () => {
    const rules = await rulesLeft(context, undo.id);
    const found = await findings(undo, undo.pods, context);
    const evidence = { ...evidenceOf(found, "any"), effective: found.some(({ isLeft }) => isLeft) };
    last = withRulesLeft(rules, evidence, found.length === 0 && undo.pods.length > 0 ? GONE : null);
    return last.effective ? { done: false as const, saw: last.because } : { done: true as const, value: last };
  };
  const { budgetMs, signal } = context;
  const timeoutMs = Math.min(budgetMs, CLEAN_MS);
  return await waitFor({ what: "the service to be as before", timeoutMs, everyMs: 250, signal, probe }).catch(
    (error: unknown) => {
      if (error instanceof FaultlineError && error.code === "deadline") return last;
      throw error;
    },
  );
}
