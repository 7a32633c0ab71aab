/** What the faults between chosen clients and the API server share. */

import type { PodTargets } from "../../fault-specs.ts";
import type { FaultSpec } from "../../types.ts";
import {
  endFollowing,
  type Followed,
  type FollowedTargets,
  podsNow,
  redirectPods,
  renewRedirect,
  withCoverage,
  withRulesLeft,
} from "../agent/following.ts";
import { AGENT_IMAGE, setAgent } from "../agent/pod.ts";
import { freeNetworks, removeRules, rulesByHand, rulesLeft } from "../agent/redirect.ts";
import { type Rule, toAddresses } from "../agent/rules.ts";
import type { ApiMode } from "../agent-image/api-settings.ts";
import type { Fault, FaultContext } from "../fault.ts";
import { faultName } from "../names.ts";
import { evidenceOf, type Finding } from "../node/findings.ts";
import { choosePods, type PodTarget } from "../targets.ts";
import { apiServerAddresses } from "./addresses.ts";
import {
  API_WORDS,
  endConnections,
  endInterception,
  type Interception,
  interceptionOf,
  startApiProxy,
} from "./intercept.ts";
import { type ApiEffect, apiFindingOf, askFromPods } from "./reading.ts";
import { removeWatcher, watcherToken } from "./watcher.ts";

export type ApiUndo = Omit<Interception, "clients"> & {
  readonly effect: ApiEffect;
  readonly latencyMs: number;
  readonly clients: readonly PodTarget[];
  readonly targets: FollowedTargets;
};
type ApiSpec = FaultSpec & { readonly clients: PodTargets };

/** What gets no answer is waited for no longer. */
const SILENCE_MS = 2_000;
const ANSWER_MS = 10_000;
/** Two of the effects need no proxy: the kernel refuses, or says nothing. */
const BY_KERNEL: Partial<Record<ApiEffect, string>> = { refused: "REJECT --reject-with tcp-reset", silent: "DROP" };

export interface ApiKind<Spec extends ApiSpec> {
  readonly kind: Spec["kind"];
  readonly drawAs: Fault["drawAs"];
  readonly validate: (spec: Spec) => ReturnType<Fault["validate"]>;
  readonly effectOf: (spec: Spec) => { readonly effect: ApiEffect; readonly latencyMs: number };
}

export function apiFault<Spec extends ApiSpec>(of: ApiKind<Spec>): Fault<Spec, ApiUndo> {
  return {
    kind: of.kind,
    needs: ["node-exec", "iptables", "certificate-signing"],
    oneShot: false,
    images: [AGENT_IMAGE],
    drawAs: of.drawAs,
    validate: of.validate,

    async prepare(spec, context) {
      const undo: ApiUndo = {
        id: faultName("api", context.runId, context.faultId),
        ...of.effectOf(spec),
        targets: spec.clients,
        clients: await choosePods(context, spec.clients),
        apiServer: await apiServerAddresses(context.cluster.kube),
      };
      await freeNetworks(context, undo.clients, undo.id, API_WORDS);
      return undo;
    },

    async inject(undo, context, leaseMs) {
      if (undo.clients.length === 0) return;
      const rules = kernelRules(undo);
      if (rules.length > 0) {
        const begin = endConnections(undo.apiServer);
        await redirectPods(context, followed(undo), { id: undo.id, rules, begin, settle: "" }, leaseMs);
        return;
      }
      const ip = await startApiProxy(undo, context);
      await setAgent(context, undo.id, settingsOf(undo), leaseMs);
      await redirectPods(context, followed(undo), interceptionOf(undo, ip, "at-once"), leaseMs);
    },

    async renew(undo, context, leaseMs) {
      if (undo.clients.length === 0) return;
      // The pod's lease first: it lapses before the rules go.
      if (kernelRules(undo).length === 0) await setAgent(context, undo.id, settingsOf(undo), leaseMs);
      await renewRedirect(context, followed(undo), leaseMs);
    },

    async verifyEffective(undo, context) {
      return withCoverage(undo.id, evidenceOf(await findings(undo, podsNow(followed(undo)), context), "all"));
    },

    async revert(undo, context) {
      await endFollowing(undo.id);
      if (kernelRules(undo).length > 0) await removeRules(context, { id: undo.id, settle: "" });
      else await endInterception(undo, context);
    },

    async verifyReverted(undo, context) {
      const rules = await rulesLeft(context, undo.id);
      const found = await findings(undo, undo.clients, context);
      await removeWatcher(context, undo.id);
      const nobody = found.length === 0 ? "none of its clients is there any more" : null;
      return withRulesLeft(rules, evidenceOf(found, "any"), nobody);
    },

    byHand: ({ id, clients }) => rulesByHand(id, clients),
  };
}

const followed = ({ id, clients, targets }: ApiUndo): Followed => ({ id, pods: clients, targets });

const kernelRules = ({ effect, apiServer }: ApiUndo): readonly Rule[] =>
  BY_KERNEL[effect] === undefined ? [] : toAddresses("filter", apiServer, BY_KERNEL[effect]);

/** Only asked for where the effect is one of the proxy's. */
const settingsOf = ({ effect, latencyMs }: ApiUndo) => ({ mode: effect as ApiMode, lagMs: latencyMs });

async function findings(undo: ApiUndo, pods: readonly PodTarget[], context: FaultContext): Promise<readonly Finding[]> {
  const { effect, latencyMs, apiServer, id } = undo;
  const waitMs = effect === "silent" ? SILENCE_MS : latencyMs + ANSWER_MS;
  const watchToken = effect === "watches-stalled" ? { watchToken: await watcherToken(context, id) } : {};
  const readings = await askFromPods(context, pods, { address: apiServer[0] ?? "", waitMs, ...watchToken });
  return readings.map((reading) => apiFindingOf(reading, effect, latencyMs, waitMs));
}
